"""The pure renderers: what a line says for what the mesh holds, number by number."""

import dataclasses

import pytest
from msgspec import structs

from meshtui.core.flows.flow import EventType, Peer, Verdict
from meshtui.core.health.judge import Judge
from meshtui.core.health.model import Judgement, ServiceHealth, Subject, What
from meshtui.core.health.model import Verdict as Health
from meshtui.core.load.spec import Answer, LoadSpec, Request
from meshtui.core.model import objects as o
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.model.ciliumstatus import CiliumConfig
from meshtui.core.model.reduce import reduce
from meshtui.core.routing import annotations as a
from meshtui.core.services.cells import build_row
from meshtui.tui.clusters import rows as clusters
from meshtui.tui.flows import rows as flows
from meshtui.tui.header import header, time_text
from meshtui.tui.load import rows as load
from meshtui.tui.services import rows as services
from meshtui.tui.widgets import paint, status
from tests.core import meshes
from tests.core.recorded import annotate, mesh_of
from tests.tui.fakes import NOW, answer, recorded_flows, recorded_mesh, timeout

KEY = "default/rebel-base"
TAGS = {"koornacht": ("K", 0), "tion": ("T", 1)}
HOSTILE = "[bold red]x[/] \x1b[31mred\x1b]0;title\x07 \u202egnp"


def text(line) -> str:
    return "".join(span.text for span in line).rstrip()


def roles(line) -> dict[str, str]:
    return {span.text.strip(): span.role for span in line if span.text.strip()}


def cell(mesh, context="koornacht", width=70, pending=False, **more):
    row = build_row(mesh, KEY)
    room = services.name_widths(mesh, width, len(KEY))
    return services.cell_line(mesh.clusters[context], row, width, room=room, first=True, pending=pending, **more)


@pytest.mark.parametrize(
    ("width", "stale", "name", "affinity"),
    [
        (45, False, 18, 6),
        (45, True, 17, 6),
        (76, False, 41, 8),
        (118, False, 41, 8),
        (86, False, 38, 8),
    ],
)
def test_a_name_gets_what_the_rest_of_its_line_does_not_need(width, stale, name, affinity) -> None:
    mesh = recorded_mesh(3)
    if stale:
        mesh.clusters["tion"].api.phase = s.Phase.STALE
    room = services.name_widths(mesh, width, len("kube-system/clustermesh-apiserver-metrics"))
    assert room == (name, affinity)
    row, now = build_row(mesh, KEY), 12.0 if stale else None
    line = services.cell_line(mesh.clusters["tion"], row, width, room=room, first=True, age=now)
    assert paint.width_of(line) <= width, "nothing is clipped"
    assert "12 s" in text(line) if stale else "2/2" in text(line)


EXPECTED = {
    3: (("○g", "○s", "–"), ("○g", "○s", "–"), "K → K 2 · T → T 2"),
    4: (("◉g", "◉s", "–"), ("◉g", "◉s", "–"), "K → K 2, T 2 · T → T 2, K 2"),
    5: (("◉g", "◉s", "–"), ("◉g", "○s", "–"), "K → K 2 · T → T 2, K 2"),
    6: (("◉g", "◉s", "local"), ("◉g", "◉s", "–"), "K → K 2 · T → T 2, K 2"),
    7: (("◉g", "◉s", "local"), ("◉g", "◉s", "–"), "K → T 2 (failover) · T → T 2"),
    8: (("◉g", "◉s", "remote"), ("◉g", "◉s", "–"), "K → T 2 · T → T 2, K 2"),
    9: (("◉g", "◉s", "–"), ("◉g", "◉s", "–"), "K → K 2, T 2 · T → T 2, K 2"),
}


@pytest.mark.parametrize("step", EXPECTED)
def test_each_recorded_step_is_told_as_it_was(step):
    mesh = mesh_of(step)
    here, there, route = EXPECTED[step]
    assert tuple(text(cell(mesh)).split()[2:5]) == here
    assert tuple(text(cell(mesh, "tion")).split()[2:5]) == there
    assert text(services.route_line(mesh, KEY, 50)).strip() == route
    assert text(services.route_line(mesh, KEY, 90)).strip() == route.replace("K →", "K's clients →").replace(
        "T →", "T's clients →"
    )


def test_ready_counts_are_the_recorded_ones():
    mesh = mesh_of(7)
    assert [(c.ready, c.total) for c in build_row(mesh, KEY).cells] == [(0, 0), (2, 2)]
    assert "! 0/0" in text(cell(mesh))
    assert "· 2/2" in text(cell(mesh, "tion")), "green is earned by requests that get through"
    seen = ServiceHealth(Subject(What.SERVICE, "", KEY), Health.WELL, "12 of 12 requests answered")
    assert "✔ 2/2" in text(cell(mesh, "tion", health=seen))
    denied = ServiceHealth(Subject(What.SERVICE, "", KEY), Health.FAILING, "all requests denied by policy at tion")
    assert "✗ 2/2" in text(cell(mesh, "tion", health=denied))
    assert "✗ all requests denied by policy at tion since 12:03:04" in text(
        services.route_line(mesh, KEY, 120, health=denied, since="12:03:04")
    )
    assert "! 2/2 stale 12 s" in text(cell(mesh, "tion", width=110, health=seen, age=12.0))
    assert "! 12 s old" in text(cell(mesh, "tion", width=45, health=seen, age=12.0)), (
        "the age stays where there is no room"
    )


def test_what_is_written_but_not_read_is_struck_through():
    mesh = mesh_of(3)
    annotate(mesh, "koornacht", a.SHARED, "true")
    annotate(mesh, "koornacht", a.AFFINITY, "local")
    found = roles(cell(mesh))
    assert (found["◉s"], found["local"], found["○g"]) == ("struck", "struck", "dim")


def test_none_on_119_is_flagged_for_what_it_does():
    mesh = mesh_of(4)
    annotate(mesh, "koornacht", a.AFFINITY, "none")
    config = mesh.clusters["koornacht"].config
    assert "!" not in text(cell(mesh))
    reduce(mesh, s.ConfigRead("koornacht", structs.replace(config, version=(1, 19))))
    assert roles(cell(mesh))["!none"] == "bad"
    assert "K → K 2 ·" in text(services.route_line(mesh, KEY, 50))


def test_a_service_that_is_missing_says_so_and_one_not_listed_yet_too():
    mesh = mesh_of(4)
    reduce(mesh, s.Changed("tion", r.SERVICES, {KEY: None}, NOW))
    assert text(cell(mesh, "tion")).endswith("–  no Service here")
    fresh = s.Mesh({"a": s.Cluster("a", "A", 0)})
    assert text(cell(fresh, "a")).endswith("not known yet")


def test_pending_stands_where_readiness_was():
    assert text(cell(mesh_of(4), pending=True)).endswith("◌ pending")


def test_hostile_annotations_reach_the_screen_as_plain_text():
    mesh = mesh_of(4)
    annotate(mesh, "koornacht", a.AFFINITY, HOSTILE)
    line = cell(mesh, width=200)
    assert all(char.isprintable() for span in line for char in span.text)


# Clusters


def lines_of(mesh, width=60):
    newest = max((n.at for c in mesh.clusters.values() for found in c.health.values() for n in found.nodes), default=0)
    judgement = Judge(mesh).judge(newest + 20)
    return [text(line) for _, lines in clusters.blocks(mesh, width, judgement) for line in lines]


def test_clusters_nodes_and_links_as_recorded():
    assert lines_of(recorded_mesh(4)) == [
        "[K] koornacht  id 1  k8s 1.36.2  cilium 1.21",
        "  koornacht-control-plane  ✔ Ready    10.1.0.0/24",
        "  link K→T ◌ ready, not proven yet · 1 shared",
        "  flows ✔ live · relay · 28/s · 2 nodes",
        "[T] tion  id 2  k8s 1.36.2  cilium 1.21",
        "  tion-control-plane  ✔ Ready    10.2.0.0/24",
        "  link T→K ◌ ready, not proven yet · 1 shared",
        "  flows ✔ live · relay · 28/s · 2 nodes",
    ]


def test_a_link_that_says_ready_over_dead_nodes_is_told_from_cilium_health():
    assert any("link K→T ✗ ready, but its nodes have not answered for" in line for line in lines_of(recorded_mesh(15)))


def test_what_agents_said_before_a_service_changed_is_told_with_its_age():
    mesh = recorded_mesh(4)
    koornacht = mesh.clusters["koornacht"]
    status_of, at = dict(koornacht.agents), NOW + 100

    def shared(now):
        words = Judge(mesh).judge(now).links["koornacht", "tion"].words
        return words.rpartition(" · ")[2]

    for node, found in status_of.items():
        reduce(mesh, s.AgentRead("koornacht", node, found, None, at))
    assert shared(at + 3) == "1 shared"
    annotate(mesh, "koornacht", a.SHARED, "false")
    assert shared(at + 3) == "1 shared", "that is nothing this cluster's agents hear of"
    service = mesh.clusters["tion"].services[KEY]
    meta = structs.replace(service.metadata, labels={"a": "b"}, resource_version="8")
    reduce(mesh, s.Changed("tion", r.SERVICES, {KEY: structs.replace(service, metadata=meta)}, at + 2))
    assert shared(at + 3) == "1 shared", "labels are not announced"
    meta = structs.replace(meta, annotations={}, resource_version="9")
    reduce(mesh, s.Changed("tion", r.SERVICES, {KEY: structs.replace(service, metadata=meta)}, at + 4))
    assert shared(at + 7) == "1 shared as of 7 s ago"
    for node, found in status_of.items():
        reduce(mesh, s.AgentRead("koornacht", node, found, None, at + 6))
    assert shared(at + 7) == "1 shared"


@pytest.mark.parametrize(
    ("conditions", "told"),
    [
        ([o.Condition(type="Ready", status="True")], "✔ Ready"),
        ([o.Condition(type="Ready", status="False")], "✗ NotReady"),
        ([o.Condition(type="Ready", status="Unknown")], "? Unknown"),
        (None, "? Unknown"),
    ],
)
def test_a_nodes_readiness_is_glyph_and_word(conditions, told):
    node = o.Node(metadata=o.Meta(name="n"), status=o.NodeStatus(conditions=conditions))
    assert status.node(node).text == told


@pytest.mark.parametrize("phase", list(s.Phase))
def test_every_phase_has_glyph_word_and_role(phase):
    span = status.phase(phase)
    assert len(span.text.split()) == 2
    assert span.role


def test_hostile_node_names_and_versions_are_cleaned():
    mesh = recorded_mesh(4)
    node = o.Node(metadata=o.Meta(name=HOSTILE))
    reduce(mesh, s.Changed("tion", r.NODES, {HOSTILE: node}, NOW))
    reduce(mesh, s.ApiChanged("tion", s.Phase.LIVE, NOW, HOSTILE))
    assert all(line.isprintable() for line in lines_of(mesh, 120))
    assert any("[bold red]x[/]" in line for line in lines_of(mesh, 120))


# Header


def test_header_tells_the_scope_of_policies_and_its_disagreement():
    mesh = recorded_mesh(4)
    assert "policy scope local-cluster" in text(header(mesh, NOW, 120, utc=True))
    old = CiliumConfig("tion", 2, {}, (1, 18))
    reduce(mesh, s.ConfigRead("tion", old))
    assert "policy scope differs by cluster" in text(header(mesh, NOW, 120, utc=True))


@pytest.mark.parametrize("count", [1, 2, 3, 8, 16])
def test_header_fits_however_many_clusters(count):
    mesh = s.Mesh({f"cluster-{n}": s.Cluster(f"cluster-{n}", f"C{n}", n) for n in range(count)})
    for width in (80, 120, 200):
        assert paint.width_of(header(mesh, NOW, width, utc=True)) <= width
    assert f"0/{count}" in text(header(mesh, NOW, 120, utc=True))


def test_clusters_that_were_never_heard_are_waited_for_and_not_stale():
    mesh = meshes.mesh("a", "b")
    for context in mesh.clusters:
        mesh.clusters[context].objects.clear()
        mesh.clusters[context].api.phase = s.Phase.CONNECTING
    judgement = Judge(mesh).judge(NOW)
    assert {link.words for link in judgement.links.values()} <= {"not known yet"}
    assert "mesh ◌ waiting 0/2" in text(header(mesh, NOW, 120, utc=True, judgement=judgement))


def test_a_time_that_cannot_be_is_not_an_error():
    assert time_text(1e30, utc=True) == "--:--:--"
    assert time_text(NOW, utc=True, zone=True) == "19:36:28 UTC"


# Flows


def test_a_recorded_drop_on_two_lines_and_on_one():
    verdict, drop = recorded_flows("dropped")[:2]
    first, second = flows.flow_lines(verdict, TAGS, 80, two=True, utc=True, explanation="egress at koornacht: no rule")
    assert text(first) == " 19:36:28.305 K x-wing-…8wv5f → T rebel-base-…jqgrf:80" + " " * 9 + "on control-plane"
    assert text(second) == "   ✗ EGRESS denied at K · SYN · no rule"
    (one,) = flows.flow_lines(drop, TAGS, 110, two=False, utc=True)
    assert text(one).startswith(" 19:36:28.305 K x-wing-…8wv5f → T rebel-base-…jqgrf:80")
    assert text(one).endswith("✗ EGRESS DROPPED at K · Policy denied · SYN")


def test_every_recorded_flow_makes_lines_that_fit():
    for row in recorded_flows("dropped") + recorded_flows("others"):
        for width in (60, 80, 120):
            (line,) = flows.flow_lines(row, TAGS, width, two=False, utc=True)
            assert text(line).isprintable()


def test_hostile_flows_are_shown_safely():
    row = recorded_flows("dropped")[0]
    evil = dataclasses.replace(
        row, verdict=99, direction=77, drop_reason=4242, event_type=int(EventType.DROP), flags=HOSTILE, node=HOSTILE,
        time_ns=2**80, source=Peer(pod="x" * 65536, namespace="\x1b[2J"), destination=Peer(), destination_ip=HOSTILE,
    )  # fmt: skip
    for two in (True, False):
        for line in flows.flow_lines(evil, TAGS, 100, two=two, utc=True, explanation=HOSTILE):
            assert all(span.text.isprintable() for span in line)
            assert len(text(line)) < 1000
    assert "? " in text(flows.what(evil, TAGS))


def test_every_verdict_is_told_apart_without_colour():
    words = {told[1] for told in flows.VERDICTS.values()}
    assert len(words) == len(flows.VERDICTS)
    assert flows.VERDICTS[Verdict.DROPPED][0] != flows.VERDICTS[Verdict.FORWARDED][0]


# Load


def run_of(requests, expected=None, running=False, **more):
    return load.Run(LoadSpec("http://rebel-base", context="koornacht"), "koornacht", "rebel-base",
                    expected or {"koornacht": 0.5, "tion": 0.5}, requests, running=running, **more)  # fmt: skip


def load_text(run, width=70):
    return [text(line) for line in load.run_lines(run, TAGS, ("K", 0), width)]


def test_marks_carry_the_clusters_letter_and_timeouts_a_cross():
    run = run_of([answer(1, "koornacht"), answer(2, "Tion"), timeout(3)], running=True)
    lines = load_text(run)
    assert lines[0] == " K x-wing → rebel-base  3/10  ◌ running  expected K 50% T 50%"
    assert lines[1] == " ●K●T✗ · · · · · · ·"


def test_an_answer_from_a_cluster_that_should_not_is_called_impossible():
    run = run_of([answer(n, "tion") for n in range(1, 11)], {"koornacht": 1.0})
    assert any("✗ impossible: tion answered 10" in line for line in load_text(run, 100))


def test_a_run_that_failed_says_why_and_what_next():
    lines = load_text(run_of([], problem="no pod of x-wing", hint="deploy the lab"))
    assert "✗ failed" in lines[0]
    assert " ✗ no pod of x-wing" in lines
    assert " → deploy the lab" in lines


def test_hostile_bodies_and_names_stay_text():
    from meshtui.tui.load.requestrows import head_line, request_line

    request = Request(1, NOW, Answer.ANSWERED, 0, 200, 0.1, remote=HOSTILE, body=HOSTILE, cluster=HOSTILE)
    run = run_of([request])
    shown = [*load.run_lines(run, TAGS, ("K", 0), 80), head_line(run), request_line(request, TAGS)]
    assert all(span.text.isprintable() for line in shown for span in line if span.text)
    assert "●?" in load_text(run)[1]


def test_the_history_bar_is_as_high_as_the_share_answered():
    good = run_of([answer(n, "tion") for n in range(10)])
    half = run_of([answer(1, "tion"), timeout(2)])
    bad = run_of([timeout(1)])
    assert text(load.history_line([good, half, bad])) == " last 3 runs  █▄▁"


@pytest.mark.parametrize(("seconds", "told"), [(0.00042, "0.4 ms"), (0.0031, "3.1 ms"), (0.12, "120 ms"), (2, "2.0 s")])
def test_times_are_short(seconds, told):
    assert load.ms(seconds) == told


# Policies and paint


@pytest.mark.parametrize("width", [3, 8, 20, 40])
def test_fit_gives_exactly_the_width_asked(width):
    from rich.cells import cell_len

    for value in ("", "abc", "a-very-long-name-of-a-service", "日本語のサービス名前です"):
        assert cell_len(paint.fit(value, width)) == width
        assert cell_len(paint.fit(value, width, right=True)) == width


def test_wrapped_lines_never_exceed_the_width():
    long = "a sentence of several words and one-very-" + "long" * 30 + " word"
    assert all(len(line) <= 40 for line in paint.wrapped(long, 40, indent=2))
    assert "".join(paint.wrapped(long, 40)).replace(" ", "") == long.replace(" ", "")


def test_clusters_of_two_meshes_stand_beside_each_other():
    mesh = meshes.mesh("a", "b", "c", "d")
    judgement = Judgement(meshes=(("a", "b"), ("c", "d")))
    shown = text(header(mesh, NOW, 160, utc=True, judgement=judgement))
    assert "a⇄b │ c⇄d" in shown
    assert "2 meshes" in shown
    assert "a⇄b⇄c⇄d" in text(header(mesh, NOW, 160, utc=True))
