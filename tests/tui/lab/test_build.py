"""The lab is built and removed inside the dashboard, its commands shown first."""

from __future__ import annotations

from meshtui.kube.clock import SystemClock
from meshtui.tui.lab.build import BuildDialog
from tests.lab.kind.conftest import Site, site  # noqa: F401  (a fixture)
from tests.tui.conftest import board_on


def words(dialog: BuildDialog) -> str:
    return "\n".join("".join(span.text for span in line) for line in dialog.lines)


async def test_what_runs_is_shown_first_then_its_output_and_how_to_go_on(site: Site):  # noqa: F811
    async with board_on() as board:
        dialog = BuildDialog(site.records, SystemClock(), machine=site.machine)
        board.app.push_screen(dialog)
        await board.until(lambda: dialog.is_attached)
        assert "$ cilium clustermesh connect --context kind-koornacht --destination-context kind-tion" in words(dialog)
        assert site.acts == [], "nothing before enter"
        await board.press("enter")
        await board.until(lambda: dialog.finished, "it is built")
        assert "✔ The lab is up. Open it: meshtui --context kind-koornacht --context kind-tion" in words(dialog)
        assert site.clusters == {"koornacht", "tion"}
        await board.press("escape")
        removal = BuildDialog(site.records, SystemClock(), removes=True, machine=site.machine)
        board.app.push_screen(removal)
        await board.until(lambda: removal.is_attached)
        await board.press("enter")
        await board.until(lambda: removal.finished, "it is removed")
        assert "✔ Removed: koornacht, tion." in words(removal)
        assert site.clusters == set()


async def test_a_failure_is_told_where_it_happened(site: Site):  # noqa: F811
    site.write("fail", "cilium hubble enable\n")
    async with board_on() as board:
        dialog = BuildDialog(site.records, SystemClock(), machine=site.machine)
        board.app.push_screen(dialog)
        await board.until(lambda: dialog.is_attached)
        await board.press("enter")
        await board.until(lambda: dialog.finished, "it fails")
        assert "`cilium hubble enable` failed with exit code 1" in words(dialog)


async def test_the_tour_opens_it_and_without_a_state_directory_says_why_not():
    async with board_on() as board:
        await board.press("t")
        await board.until(lambda: board.app.board.current == "tour")
        assert "a recording cannot be walked" in board.text()
        await board.press("U")
        assert "there is no place to write the lab's state down" in board.text()
