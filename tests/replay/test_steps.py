"""Recorded steps served to the real client: what the dashboard then says, number by number."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from meshtui.core.flows.flow import Verdict
from meshtui.hubble.pb import flow_pb2, observer_pb2
from tests.replay.cluster import recorded_flows
from tests.replay.conftest import Play, Stage

REBEL = "default/rebel-base"
K_NODE, T_NODE = "koornacht/koornacht-control-plane", "tion/tion-control-plane"
SERVICES = "/api/v1/services"
DENIED = "mesh ✗ 1 service failing"
"""What the policies of a step refuse is told before any request is made."""


def rows(text: str, start: str) -> list[str]:
    """The line that starts so, and the next."""
    found = text.splitlines()
    first = next(i for i, line in enumerate(found) if line.startswith(start))
    return found[first : first + 2]


async def connected(stage: Stage, mesh: str = "mesh ◌ waiting 0/2") -> None:
    """Both clusters whole: version, node, pod CIDR, link, flows; green must be earned by probes or traffic first."""
    await stage.says("screen", "meshtui ▌koornacht⇄tion", mesh, "policy scope local-cluster")
    text = await stage.says(
        "clusters",
        "[K] koornacht id 1 k8s 1.36.2",
        "[T] tion id 2 k8s 1.36.2",
        "koornacht-control-plane ✔ Ready 10.1.0.0/24",
        "tion-control-plane ✔ Ready 10.2.0.0/24",
        "link K→T ◌ ready, not proven yet",
        "link T→K ◌ ready, not proven yet",
    )
    assert "✗" not in text


async def dropped(stage: Stage, expected: dict[str, int]) -> None:
    """Wait until the session holds so many drops, by the node that saw them, and no others."""
    await stage.until(lambda: drops(stage) == expected, lambda: drops(stage))


def drops(stage: Stage) -> Counter[str]:
    """DROPPED flows the session holds, by the node that saw them."""
    return Counter(row.node for row in stage.session.flows if row.verdict == Verdict.DROPPED)


async def test_step_0_two_clusters_without_a_network(play: Play) -> None:
    async with play("0-no-cni", relays=False) as stage:
        text = await stage.says(
            "clusters",
            "✗ koornacht has no Cilium",
            "→ install it: cilium install --context koornacht",
            "✗ tion has no Cilium",
            "→ cilium hubble enable --context koornacht",
            "→ cilium hubble enable --context tion",
            "koornacht-control-plane ✗ NotReady 10.1.0.0/24",
            "tion-control-plane ✗ NotReady 10.2.0.0/24",
        )
        assert "link" not in text, "no mesh, no link"
        await stage.says("screen", "mesh ◌ waiting 0/2")
        await stage.says("services", "default/kubernetes K ○g ○s – · 1/1")


async def test_step_3_deployed_and_nothing_shared(play: Play) -> None:
    async with play("3-deployed") as stage:
        await connected(stage)
        await stage.says(
            "clusters", "link K→T ◌ ready, not proven yet · 0 shared", "link T→K ◌ ready, not proven yet · 0 shared"
        )
        text = await stage.says("services", "K's clients → K 2 · T's clients → T 2")
        assert rows(text, REBEL) == [
            f"{REBEL} K ○g ○s – · 2/2",
            "ClusterIP 80/TCP T ○g ○s – · 2/2",
        ]
        assert {line.split()[0] for line in text.splitlines() if line.startswith("default/")} == {
            REBEL,
            "default/kubernetes",
        }
        await stage.play_flows("3-deployed")
        every = len(recorded_flows("3-deployed"))
        await stage.until(lambda: len(stage.session.flows) == every, lambda: (len(stage.session.flows), every))
        assert not drops(stage)
        assert "no dropped flows so far" in stage.pane("flows")


async def test_step_4_shared_by_both(play: Play) -> None:
    async with play("4-global") as stage:
        await connected(stage)
        await stage.says(
            "clusters", "link K→T ◌ ready, not proven yet · 1 shared", "link T→K ◌ ready, not proven yet · 1 shared"
        )
        text = await stage.says("services", "K's clients → K 2, T 2 · T's clients → T 2, K 2")
        assert rows(text, REBEL) == [
            f"{REBEL} K ◉g ◉s – · 2/2",
            "ClusterIP 80/TCP T ◉g ◉s – · 2/2",
        ]
        await stage.play_flows("4-global")
        await stage.until(lambda: len(stage.session.flows) == 387, lambda: len(stage.session.flows))
        assert Counter(row.node for row in stage.session.flows) == {K_NODE: 182, T_NODE: 205}
        assert stage.session.flows.duplicates == 0, "each Relay is asked for its own cluster"
        assert not drops(stage)


async def policies(stage: Stage, expected: dict[str, int]) -> None:
    """Open the policies, wait until each is in so many clusters, close them."""

    def listed() -> dict[str, int]:
        lines = stage.board.text().splitlines()
        return {name: sum(line.count("✔") for line in lines if f"default/{name} " in line) for name in expected}

    await stage.board.press("p")
    await stage.until(lambda: listed() == expected, stage.board.text)
    await stage.board.press("escape")


async def test_step_10_default_deny(play: Play) -> None:
    async with play("10-default-deny") as stage:
        await connected(stage, DENIED)
        await policies(stage, {"default-deny": 2, "x-wing-to-rebel-base": 0})
        await stage.play_flows("10-default-deny")
        # Ten requests from each side, two SYNs each, told twice: as verdict and as drop.
        await dropped(stage, {K_NODE: 40, T_NODE: 40})
        shown = stage.board.app.board.flows
        await stage.until(lambda: len(shown.items) == 40, lambda: len(shown.items))
        assert {row.verdict for row in shown.view.events()} == {Verdict.DROPPED}
        await stage.says("flows", "T x-wing-", "rebel-base-", "✗ EGRESS denied at T · SYN")
        assert "DROPPED at" not in stage.pane("flows"), "each drop is told with its verdict"
        await stage.board.press("3", "E")
        await stage.until(lambda: len(shown.items) == 80, lambda: len(shown.items))
        await stage.says("flows", "✗ EGRESS denied at T", "✗ EGRESS DROPPED at T · Policy denied · SYN")
        assert "default-deny, no rule allows" in stage.pane("flows")


async def test_step_14_one_side_let_through(play: Play) -> None:
    async with play("14-egress-any-cluster") as stage:
        await connected(stage, DENIED)
        await policies(stage, {"default-deny": 2, "rebel-base-from-x-wing": 2, "x-wing-to-rebel-base": 1})
        await stage.play_flows("14-egress-any-cluster")
        await dropped(stage, {T_NODE: 40})
        await stage.says("flows", "✗ EGRESS denied at T", "default-deny, no rule allows")
        assert "at K" not in stage.pane("flows")


async def test_the_link_cut_while_everything_says_ready(play: Play) -> None:
    async with play("14-egress-any-cluster") as stage:
        await connected(stage, DENIED)
        for api in stage.apis.values():
            api.files["cilium-health"] = api.files["cilium-health.link-cut"]
        await stage.says(
            "clusters", "link K→T ✗ ready, but its nodes have not", "link T→K ✗ ready, but its nodes have not"
        )
        # At T the policies of this step let nobody out, so its clients reach nothing, link or no link.
        await stage.says(
            "screen",
            "mesh ✗ 2 links silent · 1 service failing",
            "all of tion's requests would be denied (default-deny in",
        )


async def test_the_relays_losses_are_counted_and_shown(play: Play) -> None:
    async with play("4-global") as stage:
        await connected(stage)
        lost = flow_pb2.LostEvent(source=flow_pb2.HUBBLE_RING_BUFFER, num_events_lost=33)
        response = observer_pb2.GetFlowsResponse(node_name=T_NODE, lost_events=lost)
        response.time.CopyFrom(recorded_flows("4-global")[-1].time)
        await stage.play_flows("4-global")
        stage.relays["tion"].push(response)
        await stage.says("screen", "lost 33")
        assert stage.session.mesh.clusters["tion"].relay.lost == 33
        assert stage.session.mesh.clusters["koornacht"].relay.lost == 0


MOVES = (
    ("◉g ○s –", "K's clients → K 2, T 2 · T's clients → T 2"),
    ("◉g ◉s –", "K's clients → K 2, T 2 · T's clients → T 2, K 2"),
    ("◉g ◉s local", "K's clients → K 2 · T's clients → T 2, K 2"),
    ("◉g ◉s –", "K's clients → K 2, T 2 · T's clients → T 2, K 2"),
)
"""What the row says after each event of the recorded watch: shared=false, taken back, affinity=local, taken back."""


async def test_the_recorded_watch_moves_the_row(play: Play, recordings: Path) -> None:
    events = [json.loads(line) for line in (recordings / "protocol" / "watch-services.jsonl").read_text().splitlines()]
    async with play("4-global") as stage:
        await connected(stage)
        await stage.says("services", MOVES[-1][1])
        for event, (cells, summary) in zip(events, MOVES, strict=True):
            stage.apis["koornacht"].send(SERVICES, event)
            await stage.says("services", f"{REBEL} K {cells} · 2/2", summary)
