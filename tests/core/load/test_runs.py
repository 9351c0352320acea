"""Kept runs: what they write down of their surroundings, how two compare, the form, where runs may start, links."""

import json

import msgspec
import pytest

from meshtui.core.errors import UsageError
from meshtui.core.load import form
from meshtui.core.load.compare import compare
from meshtui.core.load.links import flows_of, request_of
from meshtui.core.load.origins import origins
from meshtui.core.load.record import SCHEMA
from meshtui.core.load.run import HERE, Run, new_run
from meshtui.core.load.service import port_to_ask
from meshtui.core.load.spec import Answer, LoadEnded, LoadSpec, LoadStarted, Request
from meshtui.core.load.surroundings import surroundings
from meshtui.core.model import objects as o
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.model.reduce import reduce
from tests.core.load.test_story import PODS, K, curls, flows
from tests.core.recorded import KEY, mesh_of

SPEC = LoadSpec("http://rebel-base", context=K)


def fits(value, schema):
    """Enough of JSON Schema for ours: type, required, properties, additionalProperties, items, enum, const."""
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float),
             "boolean": bool, "null": type(None)}  # fmt: skip
    wanted = schema.get("type")
    if wanted:
        names = wanted if isinstance(wanted, list) else [wanted]
        assert any(isinstance(value, kinds[name]) for name in names), (value, wanted)
    if "const" in schema:
        assert value == schema["const"]
    if "enum" in schema:
        assert value in schema["enum"]
    if isinstance(value, dict):
        assert set(schema.get("required", ())) <= set(value)
        for key, inner in value.items():
            rule = schema.get("properties", {}).get(key) or schema.get("additionalProperties")
            if rule:
                fits(inner, rule)
    if isinstance(value, list):
        for inner in value:
            fits(inner, schema.get("items", {}))


def test_surroundings_name_annotations_replicas_and_policies():
    found = surroundings(mesh_of(5), KEY)
    assert found["tion shared"] == "false"
    assert found["koornacht global"] == "true"
    assert found["koornacht ready"] == "2/2"
    assert not any("policy" in name for name in found)
    assert any("policy default/default-deny" in name for name in surroundings(mesh_of(10), KEY))


def run_at(step, cluster="koornacht", count=10):
    run = new_run(mesh_of(step), SPEC)
    run.take(LoadStarted(SPEC, "x-wing-1", 1000.0 + step))
    for number in range(1, count + 1):
        run.take(Request(number, 1000.0 + step, Answer.ANSWERED, 0, 200, 0.003, cluster=cluster, body="\udcff\0"))
    run.take(LoadEnded(1001.0))
    return run


def test_a_run_knows_what_to_expect_and_fits_its_schema():
    run = run_at(4)
    assert run.expected == {"koornacht": 0.5, "tion": 0.5}
    assert (run.service, run.origin, run.target) == (KEY, "koornacht/x-wing", "rebel-base")
    document = run.document()
    fits(json.loads(json.dumps(document)), SCHEMA)
    assert set(document) == set(SCHEMA["properties"])
    assert document["verdict"] == "unlikely"
    with pytest.raises(AssertionError):
        fits({**document, "started": "yesterday"}, SCHEMA)


def test_two_runs_compare_by_numbers_and_by_what_was_changed():
    found = compare(run_at(4).document(), run_at(5, "tion").document())
    told = {row.name: row for row in found.contrasts}
    assert (told["by koornacht"].before, told["by koornacht"].after) == ("10 (100%)", "–")
    assert told["p95"].same
    assert found.changes == ("tion shared: absent → false",)
    assert compare(run_at(4).document(), run_at(4).document()).changes == ()


def test_a_run_from_here_expects_nothing():
    run = new_run(mesh_of(4), LoadSpec("https://ingress.example/"))
    assert (run.origin, run.expected, run.verdict, run.state) == (HERE, None, None, {})


def test_origins_put_x_wing_first_and_clusters_together():
    mesh = mesh_of(4)
    assert origins(mesh) == []  # no pod says that it is ready
    ready = (o.Condition(type="Ready", status="True"),)
    for cluster in mesh.clusters.values():
        cluster.objects[r.PODS] = {
            key: msgspec.structs.replace(pod, status=msgspec.structs.replace(pod.status, conditions=ready))
            for key, pod in cluster.pods.items()
        }
    found = origins(mesh)
    assert (found[0].contexts, found[0].name) == (("koornacht", "tion"), "default/x-wing")
    assert [origin.contexts for origin in found[1:3]] == [("koornacht",), ("tion",)]
    assert all(len(origin.pods) == len(origin.contexts) for origin in found)
    assert found[0].starts() == [(origin.contexts[0], f"pod/{origin.pods[0]}") for origin in found[1:3]]
    system = [origin.namespace == "kube-system" for origin in found]
    assert system == sorted(system)
    reduce(mesh, s.Listed("koornacht", r.PODS, {}, 0.0))
    assert all(origin.contexts == ("tion",) for origin in origins(mesh))


def test_the_form_reads_back_what_it_shows():
    spec = LoadSpec(
        "http://a/b", count=7, concurrency=2, max_time=1.5, method="POST", headers={"A": "b: c"}, body=" x "
    )
    assert form.read(LoadSpec(""), form.filled(spec)) == spec
    steady = form.read(spec, {**form.filled(spec), "rate": "20", "duration": "5"})
    assert (steady.rate, steady.duration, steady.total) == (20.0, 5.0, 100)
    assert form.read(spec, {"url": "x"}).count == 10


@pytest.mark.parametrize(
    "wrong",
    [{"count": "ten"}, {"url": ""}, {"rate": "51"}, {"headers": "novalue"}, {"max_time": "-1"}, {"url": "file:///x"}],
)
def test_the_form_says_what_cannot_be(wrong):
    with pytest.raises(UsageError):
        form.read(SPEC, {**form.filled(SPEC), **wrong})


@pytest.mark.parametrize("step", ["4-global", "10-default-deny", "12-ingress-koornacht"])
def test_links_lead_from_each_request_to_its_flows_and_back(recordings, step):
    rows = flows(recordings, step)
    requests = curls((recordings / step / K / "curl.txt").read_text())
    run = Run(SPEC, K, "rebel-base", requests=requests, pod=PODS[K], cluster=K, running=False)
    seen = set()
    for request in run.requests:
        linked = flows_of(run, request, rows)
        assert linked, request.number
        assert PODS[K] in {linked[0].source.pod, linked[0].destination.pod}
        ports = {row.destination_port if row.is_reply else row.source_port for row in linked}
        assert len(ports) == 1
        seen |= ports
        for row in (linked[0], linked[-1]):
            found = request_of(run, row, rows)
            assert found is not None
            assert found.number == request.number
    assert len(seen) == 10
    stranger = next(row for row in rows if row.source.pod == PODS["tion"])
    assert request_of(run, stranger, rows) is None


@pytest.mark.parametrize(
    ("ports", "asked"),
    [
        ([("", "TCP", 80)], (80, "")),
        ([("dns", "UDP", 53), ("dns-tcp", "TCP", 53)], (0, "svc speaks DNS on port 53, not HTTP")),
        ([("dns", "UDP", 53)], (0, "svc listens on UDP 53 only, which curl cannot ask")),
        ([("metrics", "TCP", 9153), ("http", "TCP", 8080)], (8080, "")),
        ([("etcd", "TCP", 2379)], (0, "svc speaks etcd on port 2379, not HTTP")),
        ([], (0, "svc has no port")),
    ],
)
def test_the_port_that_curl_is_pointed_at(ports, asked):
    spec = o.ServiceSpec(ports=[o.ServicePort(name, protocol, port) for name, protocol, port in ports])
    assert port_to_ask(o.Service(metadata=o.Meta(name="svc", namespace="default"), spec=spec)) == asked
