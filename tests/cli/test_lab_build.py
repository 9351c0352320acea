"""`meshtui lab up` and `down` as a person runs them, with stand-ins for kind, cilium, kubectl and docker."""

from __future__ import annotations

import re

from tests.cli.conftest import Command
from tests.lab.kind.conftest import Site, site  # noqa: F401  (a fixture)


def command(where: Site) -> Command:
    env = where.machine.env
    return Command(PATH=env["PATH"], STANDIN=env["STANDIN"], MESHTUI_STATE_DIRECTORY=str(where.root.parent / "state"))


async def test_up_shows_every_command_its_output_and_the_time_and_ends_with_the_contexts(site: Site):  # noqa: F811
    meshtui = command(site)
    ran = await meshtui("lab", "up", "--force", "--yes")
    assert ran.code == 0, ran.err
    assert ran.out.split() == ["kind-koornacht", "kind-tion"]
    lines = ran.err.splitlines()
    begun = [line for line in lines if re.match(r"\[\d+/16 · \d\d:\d\d\] \$ ", line)]
    assert len(begun) == 16
    assert "    ✅ Connected cluster kind-koornacht and kind-tion!" in lines
    assert sum("done in" in line for line in lines) == 16
    assert re.search(r"The lab is up after \d\d:\d\d. Next: meshtui lab tour --context kind-koornacht", lines[-1])
    gone = await meshtui("lab", "down", "--yes")
    assert gone.code == 0, gone.err
    assert "Removed: koornacht, tion." in gone.err
    assert site.clusters == set()


async def test_a_failure_ends_with_1_and_its_last_words_and_the_same_command_goes_on(site: Site):  # noqa: F811
    site.write("fail", "cilium clustermesh enable\n")
    meshtui = command(site)
    ran = await meshtui("lab", "up", "--force", "--yes")
    assert ran.code == 1
    assert "`cilium clustermesh enable` failed with exit code 1" in ran.err
    assert "cause: Error: Unable to do it: timeout while waiting for condition" in ran.err
    assert "what is done is not done twice" in ran.err
    stood = await meshtui("lab", "status", "--kubeconfig", "/nowhere")
    assert "built here: koornacht+tion, 9 of 16 commands done; interrupted at: enable koornacht" in stood.err
    site.mend()
    again = await meshtui("lab", "up", "--force", "--yes")
    assert again.code == 0, again.err
    assert "going on after: hubble ready" in again.err
    assert "[10/16" in again.err
    assert "[9/16" not in again.err
