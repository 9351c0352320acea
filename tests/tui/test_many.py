"""Many clusters on screens of every size: a line each, what fails first and in words, keys on the cluster chosen."""

from __future__ import annotations

import pytest
from msgspec import structs

from meshtui.core.errors import MeshtuiError
from meshtui.core.health.model import (
    Cause,
    Judged,
    Judgement,
    LinkHealth,
    ServiceHealth,
    Subject,
    Trouble,
    Verdict,
    What,
)
from meshtui.core.model import objects as o
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.model.reduce import reduce
from meshtui.core.model.severity import Severity
from meshtui.core.model.tags import tags
from meshtui.tui.flows.sumrows import sum_widths, sums_header
from meshtui.tui.widgets.paint import width_of
from tests.core import meshes
from tests.tui.conftest import Board, board_on
from tests.tui.fakes import NOW

NAMES = (
    "koornacht", "tion", "naboo", "hoth", "endor", "bespin", "corellia", "dantooine", "felucia", "geonosis", "jakku",
    "kamino", "lothal", "mustafar", "onderon", "ryloth",
)  # fmt: skip
SIZES = ((80, 24), (100, 30), (120, 40), (160, 50), (300, 100))
KEYS = ("default/web", "shop/cart", "shop/checkout")


def mesh_of(number: int) -> s.Mesh:
    made = meshes.mesh(*NAMES[:number])
    letters = tags(NAMES[:number])
    for cluster in made.clusters.values():
        cluster.tag = letters[cluster.index]
        reduce(made, s.ApiChanged(cluster.context, s.Phase.LIVE, NOW, "1.36.2"))
        cluster.trusted = True
        condition = o.Condition(type="Ready", status="True")
        node = o.Node(o.Meta(name=f"{cluster.context}-worker"), o.NodeSpec(), o.NodeStatus(conditions=[condition]))
        reduce(made, s.Listed(cluster.context, r.NODES, {node.name: node}, NOW))
        for at, key in enumerate(KEYS):
            address = f"10.{cluster.index + 1}.{at}.1"
            meshes.put(made, cluster.context, meshes.service(meshes.GLOBAL, key=key))
            meshes.put(made, cluster.context, meshes.endpointslice([meshes.endpoint(address)], key=key))
    return made


def judged(mesh: s.Mesh, *, broken: bool) -> Judgement:
    """All well; or the link from the first to the last cluster silent, and `shop/checkout` denied."""
    contexts = list(mesh.clusters)
    well = {c: Judged(Subject(What.CLUSTER, c), Verdict.WELL, "well") for c in contexts}
    links = {
        (a, b): LinkHealth(Subject(What.LINK, a, b), Verdict.WELL, "ready")
        for a in contexts for b in contexts if a != b
    }  # fmt: skip
    services: dict[str, ServiceHealth] = {}
    if broken:
        first, last = contexts[0], contexts[-1]
        words = "ready, but its nodes don't answer"
        subject = Subject(What.LINK, first, last)
        causes = (Cause.LINK_CUT,)
        links[first, last] = LinkHealth(subject, Verdict.CONTRADICTED, words, NOW - 48, causes=causes)
        services[KEYS[2]] = ServiceHealth(Subject(What.SERVICE, "", KEYS[2]), Verdict.FAILING, "all requests denied")
    return Judgement(NOW, well, {}, links, {}, services)


async def on(number: int, size: tuple[int, int], *, broken: bool = False):
    mesh = mesh_of(number)
    return board_on(mesh, size, judgement=judged(mesh, broken=broken))


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "×".join(map(str, size)))
@pytest.mark.parametrize("number", [3, 6, 16])
async def test_every_cluster_and_service_is_a_line_and_nothing_is_clipped_in_silence(
    number: int, size: tuple[int, int]
) -> None:
    async with await on(number, size) as board:
        await board.press("1")
        pane = board.app.board.clusters
        lines = board.text(pane).splitlines()
        assert "cluster" in lines[0]
        assert "nodes" in lines[0]
        shown = [line for line in lines[1:] if line.strip()]
        assert len(shown) >= min(number, pane.scrollable_content_region.height - 1)
        for cluster, line in zip(board.session.mesh.clusters.values(), shown, strict=False):
            assert cluster.name[:6] in line or "…" in line
            assert "1/1" in line
        assert pane.selected != ("header",), "the heads are nothing to act on"
        if size[0] > 120 or (size[0] > 60 and number < 16):
            last = list(board.session.mesh.clusters.values())[-1].tag
            assert lines[0].rstrip().endswith(last), "the matrix has a column for each"
        await board.press("2")
        services = board.text(board.app.board.services)
        for word in ("service", "ready"):
            assert word in services.splitlines()[0].lower()
        height = board.app.board.services.scrollable_content_region.height
        for key in KEYS if height > number + 4 else KEYS[:1]:
            assert key in services
        assert all(len(line.rstrip()) <= size[0] for line in board.text().splitlines())


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "×".join(map(str, size)))
async def test_two_clusters_stand_side_by_side_on_every_screen(size: tuple[int, int]) -> None:
    async with await on(2, size, broken=True) as board:
        assert "19:36:28" in board.text().splitlines()[0]
        await board.press("1")
        text = " ".join(board.text(board.app.board.clusters).split())
        for told in ("[K] koornacht", "[T] tion", "koornacht-worker ✔ Ready", "link K→T ✗ ready, but its nodes don't"):
            assert told in text, told
        await board.press("2")
        lines = board.text(board.app.board.services).splitlines()
        assert sum(line.strip().startswith(KEYS) for line in lines) == len(KEYS), "a name before its clusters' lines"
        assert any("K's clients → K 1, T 1" in line or "K → K 1, T 1" in line for line in lines)
        assert all(len(line.rstrip()) <= size[0] for line in board.text().splitlines())


async def test_two_clusters_have_column_heads_that_order_and_are_no_row() -> None:
    async with await on(2, (160, 50)) as board:
        pane = board.app.board.services
        head = board.text(pane).splitlines()[0]
        first = board.text(pane).splitlines()[1]
        for word, below in (("service", KEYS[0]), ("in", "K"), ("g", "◉g"), ("s ", "◉s"), ("ready", "· 1/1")):
            assert head.lower().index(f" {word}") + 1 == first.index(below), (word, head, first)
        assert pane.cell == (KEYS[0], "koornacht")
        await board.press("up", "up", "home")
        assert pane.cell == (KEYS[0], "koornacht"), "the heads are passed over"
        await board.pilot.click(pane, offset=(3, 1))
        await board.until(lambda: pane.items[1] == (KEYS[0], "koornacht") and "by name" in str(pane.border_title))
        await board.pilot.click(pane, offset=(3, 1))
        await board.until(lambda: pane.items[1] == (KEYS[2], "koornacht"), "a second click turns it round")
        assert "ervice ▼" in board.text(pane).splitlines()[0].replace("N", "").replace("  ", " ")
        await board.press("slash", *"nowhere", "enter")
        await board.until(lambda: "no service matches" in board.text(pane))


@pytest.mark.parametrize("size", [(80, 24), (100, 30)], ids=lambda size: "×".join(map(str, size)))
@pytest.mark.parametrize("number", [2, 3, 6])
async def test_what_is_said_of_the_service_under_the_cursor_is_readable_whole(
    number: int, size: tuple[int, int]
) -> None:
    mesh = mesh_of(number)
    words = "all requests denied by the policies that somebody wrote yesterday, and this sentence has its end: here"
    subject = Subject(What.SERVICE, "", KEYS[2])
    services = {KEYS[2]: ServiceHealth(subject, Verdict.FAILING, words)}
    judgement = structs.replace(judged(mesh, broken=True), services=services)
    async with board_on(mesh, size, judgement=judgement) as board:
        await board.press("2", "end")
        pane = board.app.board.services
        assert words in joined(board)
        chosen = next(line for line in board.text(pane).splitlines() if number == 2 or "▸" in line)
        assert "…" not in chosen
        height = pane.total
        await board.press("up", *(["up"] if number == 2 else []))
        assert pane.total < height, "the lines are given back"
        assert words not in joined(board)


def joined(board: Board) -> str:
    """What the services pane says, however it is broken."""
    return " ".join(board.text(board.app.board.services).split())


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "×".join(map(str, size)))
async def test_what_fails_stands_first_open_and_in_words(size: tuple[int, int]) -> None:
    async with await on(6, size, broken=True) as board:
        top = board.text().splitlines()[0]
        assert "mesh ✗ 1 link silent · 1 service failing" in top
        assert "19:36:28" in top
        assert "…" not in top, "what tells least gives way, nothing is clipped"
        await board.press("1")
        text = board.text(board.app.board.clusters)
        assert "✗ link K→B ready, but its nodes don't answer · for 48 s" in " ".join(text.split())
        await board.press("2")
        board.app.board.apply(s.Delta(status=set(board.session.mesh.clusters)))
        pane = board.app.board.services
        await board.until(lambda: pane.items[1] == KEYS[2], "the failing service is first")
        assert "1 failing" in str(pane.border_title)


async def test_the_service_under_the_cursor_unfolds_and_keys_act_on_the_cluster_chosen() -> None:
    async with await on(6, (160, 50)) as board:
        pane = board.app.board.services
        text = board.text(pane)
        assert "▸ koornacht" in text
        assert text.count("▸") == 1
        await board.press("right", "right")
        assert pane.cell == (KEYS[0], "naboo")
        assert "▸ naboo" in board.text(pane)
        await board.press("g")
        await board.until(lambda: board.session.performed)
        assert [(x.context, x.key) for x in board.session.performed[0].steps] == [("naboo", KEYS[0])]
        board.session.confirm()
        await board.press("down")
        assert pane.cell == (KEYS[1], "naboo")
        assert board.text(pane).count("▸") == 1
        await board.press("up", "up", "up")
        assert pane.cursor == 1, "the heads are passed over"


async def test_columns_order_both_ways_by_key_and_by_click() -> None:
    async with await on(6, (160, 50)) as board:
        pane = board.app.board.services
        await board.press("N")
        assert pane.items[1:] == sorted(KEYS)
        await board.press("N")
        assert pane.items[1:] == sorted(KEYS, reverse=True)
        head = board.text(pane).splitlines()[0]
        await board.pilot.click(pane, offset=(head.lower().index("ready") + 2, 1))
        await board.pilot.pause()
        assert "fewest ready first" in str(pane.border_title)


async def test_a_cluster_is_gone_to_and_opens(board: Board) -> None:
    async with await on(6, (120, 40)) as many:
        await many.press("colon", *"ctx", "space", *"hoth", "enter")
        assert many.app.board.clusters.context == "hoth"
        await many.press("enter")
        assert "hoth" in many.text()


async def test_a_long_list_is_folded_made_in_portions_and_sorted() -> None:
    mesh = mesh_of(3)
    for context in mesh.clusters:
        made = {f"team/s{n:04}": meshes.service({}, key=f"team/s{n:04}") for n in range(300)}
        reduce(mesh, s.Listed(context, r.SERVICES, {**dict(mesh.clusters[context].services), **made}, NOW))
    async with board_on(mesh, (160, 50), judgement=judged(mesh, broken=False)) as board:
        pane = board.app.board.services
        await board.until(lambda: len(pane.items) == 304)
        await board.press("end")
        assert pane.cell == ("team/s0299", "koornacht")
        assert "▸ koornacht" in board.text(pane)
        await board.press("slash", *"s0123", "enter")
        await board.until(lambda: pane.items[1:] == ["team/s0123"])


async def test_a_pane_that_stands_alone_has_the_whole_screen() -> None:
    async with await on(6, (80, 24)) as board:
        await board.press("1")
        assert board.app.board.clusters.size.height > 14
    async with await on(6, (160, 50)) as board:
        await board.press("1", "z")
        assert board.app.board.clusters.size.height > 40


async def test_one_reason_is_told_once_for_a_cluster_and_not_for_each_node() -> None:
    mesh = mesh_of(3)
    nodes = {f"w{n}": o.Node(o.Meta(name=f"w{n}"), o.NodeSpec(), o.NodeStatus()) for n in range(12)}
    reduce(mesh, s.Listed("tion", r.NODES, nodes, NOW))
    hung = {
        ("tion", name): Judged(Subject(What.NODE, "tion", name), Verdict.FAILING, "agent does not answer", NOW - 40 + n)
        for n, name in enumerate(nodes)
    }
    trouble = [
        Trouble(
            Cause.AGENT_HUNG, Severity.WARNING, ("tion",), f"tion/{name}", "agent hung", (f"{name} hangs",), since=NOW
        )
        for name in nodes
    ]
    judgement = structs.replace(judged(mesh, broken=False), nodes=hung, troubles=tuple(trouble))
    async with board_on(mesh, (160, 50), judgement=judgement) as board:
        board.app.board.apply(s.Delta(status=set(mesh.clusters)))
        await board.press("1")
        text = board.text(board.app.board.clusters)
        assert text.count("agent does not answer") == 1
        assert "12 nodes  agent does not answer · for 40 s" in text
        assert "w0, w1, w2" in text
        await board.press("f")
        await board.until(lambda: "12 nodes of tion: w0, w1, w2, w3 and 8 more" in board.text())
        assert "w7 hangs" not in board.text()
        await board.press("enter", "end")
        await board.until(lambda: "w11 hangs" in board.text())
        await board.press("home", "enter")
        await board.until(lambda: "enter lists all 12" in board.text())
        assert board.session.performed == []


async def test_of_a_cluster_that_is_away_one_line_says_what_is_not_known() -> None:
    mesh = mesh_of(6)
    error = MeshtuiError("koornacht does not answer", cause="timeout")
    reduce(mesh, s.ApiChanged("koornacht", s.Phase.STALE, NOW, error=error))
    stale = {
        ("koornacht", name): LinkHealth(
            Subject(What.LINK, "koornacht", name), Verdict.STALE, "as of 14 s ago", NOW - 14
        )
        for name in NAMES[1:6]
    }
    node = Judged(Subject(What.NODE, "koornacht", "koornacht-worker"), Verdict.STALE, "Ready, as of 14 s ago", NOW - 14)
    well = judged(mesh, broken=False)
    nodes = {("koornacht", "koornacht-worker"): node}
    judgement = structs.replace(well, links={**well.links, **stale}, nodes=nodes)
    async with board_on(mesh, (160, 50), judgement=judgement) as board:
        board.app.board.apply(s.Delta(status=set(mesh.clusters)))
        await board.press("1")
        text = board.text(board.app.board.clusters)
        assert "! 1 node, 5 links  nothing new is heard of them · for 14 s" in text
        assert "as of 14 s ago" not in text
        assert "koornacht does not answer" in text


async def test_links_that_fail_alike_are_told_together() -> None:
    mesh = mesh_of(6)
    well = judged(mesh, broken=False)
    cut = {
        ("koornacht", name): LinkHealth(
            Subject(What.LINK, "koornacht", name), Verdict.CONTRADICTED, "no answer", NOW - 9
        )
        for name in NAMES[2:6]
    }
    async with board_on(mesh, (160, 50), judgement=structs.replace(well, links={**well.links, **cut})) as board:
        board.app.board.apply(s.Delta(status=set(mesh.clusters)))
        text = board.text(board.app.board.clusters)
        assert "✗ 4 links  no answer · for 9 s" in text
        assert "link K→B, link K→E, link K→H, link K→N" in text


@pytest.mark.parametrize("width", [47, 49, 58, 60, 75, 92, 98, 99, 104, 130, 200])
@pytest.mark.parametrize("ends", [(8, 14), (20, 45)])
def test_a_line_of_the_sums_is_never_wider_than_its_pane(width: int, ends: tuple[int, int]) -> None:
    head = sums_header(sum_widths(width, *ends), "count", reverse=True)
    assert width_of(head) <= width
    told = "".join(span.text for span in head)
    assert told.index("verdict") > told.index("dest") > told.index("source")
    assert "reason" in told
