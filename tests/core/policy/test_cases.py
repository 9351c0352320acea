"""Core's verdicts are those of Cilium's own engine, on its cases; and so is what is refused, and by whom."""

from __future__ import annotations

from collections import Counter
from typing import Any

from meshtui.core.model.ciliumstatus import CiliumConfig
from meshtui.core.policy import Reading, Refuser, reading, refusal
from tests.core.policy.cases import answers
from tests.policycases import load

NOT_KNOWN = {"unknown-fqdns", "knp-ipblock-ingress", "cidr-group-breaks-the-rest"}
"""Kinds in which something is not known here; see docs/agreement.md."""


def read_by(case: dict[str, Any]) -> Reading:
    version = tuple(map(int, case["version"].split(".")))
    return reading(case["cluster"], CiliumConfig(case["cluster"], 1, case["config"], version))  # type: ignore[arg-type]


def test_every_verdict_is_the_engines_or_not_known() -> None:
    """Over 5 s: more than 200,000 verdicts."""
    head, cases = load()
    counts: Counter[str] = Counter()
    wrong, doubtful = [], Counter[str]()
    for case in cases:
        for answer in answers(case, head):
            if not answer.enforced:
                continue
            counts["enforced"] += 1
            if answer.ours == "?":
                assert case.get("kind") or "toFQDNs" in str(case["policies"]), answer
                doubtful[case.get("kind") or "random"] += 1
            elif (answer.theirs, answer.match) != (answer.ours, answer.our_match):
                wrong.append(answer)
    assert wrong == []
    assert counts["enforced"] > 200_000
    assert sum(doubtful.values()) < 0.002 * counts["enforced"]
    assert set(doubtful) <= {*NOT_KNOWN, "random"}


def test_what_the_agents_refuse_is_refused_in_their_words() -> None:
    _, cases = load()
    told = 0
    for case in cases:
        for policy, said in zip(case["policies"], case.get("import", ()), strict=False):
            found = refusal(policy, read_by(case))
            if said == "ok":
                assert found is None, (case["id"], found)
            elif said == "derivative":
                assert found is not None
                assert found.by is Refuser.DERIVED
            else:
                assert found is not None, (case["id"], said)
                words = said.removeprefix("invalid: ")
                assert found.by is Refuser.AGENT
                assert found.words.lower().startswith(words.lower()), (case["id"], found.words, said)
                told += 1
    assert told > 25


def test_what_the_api_server_refuses() -> None:
    _, cases = load()
    refused = [(case, item) for case in cases for item in case.get("refused", ())]
    assert len(refused) > 50
    for case, item in refused:
        found = refusal(item["policy"], read_by(case))
        assert found is not None, (case["id"], item)
        assert found.by is Refuser.API_SERVER, (case["id"], item, found)


def test_what_it_takes_is_not_refused_by_it() -> None:
    _, cases = load()
    for case in cases:
        for policy in case["policies"]:
            found = refusal(policy, read_by(case))
            assert found is None or found.by is not Refuser.API_SERVER, (case["id"], found)
