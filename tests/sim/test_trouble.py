"""Trouble on demand through the control URL, as the demo's palette asks for it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from meshtui.core.errors import MeshtuiError
from meshtui.sim import Running, SimOptions, Trouble, launch
from meshtui.sim.faults.kinds import KINDS, parse
from meshtui.sim.trouble import fault_words


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with launch(SimOptions(state="global")) as found:
        yield found


async def test_kinds_are_listed_applied_and_healed(running: Running) -> None:
    trouble = Trouble(running.control)
    kinds = {kind.name: kind for kind in await trouble.kinds()}
    assert set(kinds) == set(KINDS)
    assert await trouble.clusters() == ("koornacht", "tion")
    assert await trouble.active() == ()
    assert await trouble.apply({"fault": "link-cut"}) == ({"fault": "link-cut"},)
    slow = {"fault": "link-slow", **kinds["link-slow"].offers[0]}
    assert [f["fault"] for f in await trouble.apply(slow)] == ["link-cut", "link-slow"]
    assert await trouble.heal("link-cut") == ({"fault": "link-slow", "ms": 100.0},)
    assert await trouble.heal() == ()


async def test_a_refusal_says_why(running: Running) -> None:
    trouble = Trouble(running.control)
    with pytest.raises(MeshtuiError) as refused:
        await trouble.apply({"fault": "api-down", "cluster": "hoth"})
    assert "unknown cluster 'hoth'" in refused.value.cause
    with pytest.raises(MeshtuiError) as refused:
        await trouble.heal("gremlins")
    assert "unknown fault 'gremlins'" in refused.value.cause


async def test_a_mesh_that_is_gone_is_told_without_its_token() -> None:
    with pytest.raises(MeshtuiError) as gone:
        await Trouble("http://127.0.0.1:9/secret-token").active()
    assert gone.value.cause == "ConnectError"
    assert "secret-token" not in str(gone.value)


@pytest.mark.parametrize("name", sorted(KINDS))
def test_every_kind_says_in_a_sentence_what_it_does_and_offers_what_it_takes(name: str) -> None:
    kind = KINDS[name]
    assert kind.about.endswith(".")
    assert kind.about[0].isupper() or kind.about.startswith("`")
    for offer in kind.offers:
        assert parse({"fault": name, **offer}, ("koornacht", "tion")).name == name


def test_a_fault_in_words() -> None:
    assert fault_words({"fault": "link-cut"}) == "link-cut"
    slow = {"fault": "link-slow", "between": ["koornacht", "tion"], "ms": 100.0}
    assert fault_words(slow) == "link-slow between koornacht and tion, ms 100"
