"""Recorded curls and flows through the attribution: cluster, pod and story against a hand-checked table."""

import gzip
import re

import pytest
from msgspec.structs import replace

from meshtui.core.flows.flow import FlowRow
from meshtui.core.load.attribution import Client, attempts
from meshtui.core.load.parse import cluster_name, named_in_body
from meshtui.core.load.spec import Answer, Request
from meshtui.core.load.story import tell
from meshtui.hubble.jsonlines import read

K, T = "koornacht", "tion"
PODS = {K: "x-wing-689bd74994-8wv5f", T: "x-wing-689bd74994-tn89k"}
_LINE = re.compile(r"#(\d+) (\d+) ([\d.]+)(?: (\S*):(\d+) \S*:\d+)?")

# Step, client's cluster: for each of the ten requests who answered, or (after ✗) for whom the dropped SYN was meant.
# Checked by hand, without the code under test: SYNs of the client's ports in order of time with grep and sort over the
# recording's flows.compact.txt, ✗ where a line of that port says DROPPED; then beside the bodies of curl.txt in turn.
TABLE = {
    ("4-global", K): "4mk87 jqgrf z5zfm jqgrf vg8cg jqgrf jqgrf vg8cg vg8cg vg8cg",
    ("4-global", T): "4mk87 z5zfm vg8cg z5zfm z5zfm z5zfm jqgrf jqgrf jqgrf jqgrf",
    ("10-default-deny", K): "✗jqgrf ✗hsng6 ✗jqgrf ✗jqgrf ✗hsng6 ✗hsng6 ✗vg8cg ✗jqgrf ✗lhjk2 ✗vg8cg",
    ("10-default-deny", T): "✗hsng6 ✗jqgrf ✗jqgrf ✗lhjk2 ✗hsng6 ✗jqgrf ✗jqgrf ✗jqgrf ✗vg8cg ✗vg8cg",
    ("12-ingress-koornacht", K): "✗jqgrf lhjk2 ✗jqgrf ✗vg8cg ✗jqgrf hsng6 ✗jqgrf lhjk2 ✗vg8cg ✗vg8cg",
    ("12-ingress-koornacht", T): "✗hsng6 ✗vg8cg ✗vg8cg ✗jqgrf ✗hsng6 ✗lhjk2 ✗jqgrf ✗jqgrf ✗lhjk2 ✗vg8cg",
    ("14-egress-any-cluster", K): "jqgrf jqgrf lhjk2 hsng6 vg8cg vg8cg lhjk2 jqgrf vg8cg jqgrf",
    ("14-egress-any-cluster", T): "✗jqgrf ✗hsng6 ✗hsng6 ✗lhjk2 ✗jqgrf ✗lhjk2 ✗hsng6 ✗jqgrf ✗hsng6 ✗vg8cg",
}
HOME = {"jqgrf": T, "vg8cg": T, "4mk87": K, "z5zfm": K, "hsng6": K, "lhjk2": K}


def curls(text):
    """Requests of a recorded curl.txt: the body's line, then its numbers."""
    found, body = [], ""
    for line in text.splitlines():
        match = _LINE.match(line)
        if not match:
            body = line
            continue
        code, status, seconds, _, port = match.groups()
        answer = Answer.ANSWERED if code == "0" else Answer.TIMED_OUT
        cluster = cluster_name(named_in_body(body.encode(), "Cluster")) if code == "0" else ""
        found.append(
            Request(
                len(found) + 1, 0.0, answer, int(code), int(status), float(seconds), int(port or 0),
                body=body, cluster=cluster, attribution="body" if cluster else "",
            )
        )  # fmt: skip
        body = ""
    return found


def flows(recordings, step):
    with gzip.open(recordings / step / "flows.x-wing.jsonl.gz") as lines:
        return [item for item in read(lines, "koornacht") if isinstance(item, FlowRow)]


@pytest.mark.parametrize(("step", "cluster"), list(TABLE))
@pytest.mark.parametrize("named", [True, False], ids=["answers name themselves", "flows alone tell"])
def test_recorded_requests_get_their_pod_and_story(recordings, step, cluster, named):
    requests = curls((recordings / step / cluster / "curl.txt").read_text())
    if not named:
        requests = [replace(request, cluster="", attribution="", body="") for request in requests]
    told = tell(requests, flows(recordings, step), Client(cluster, "default", PODS[cluster]))
    for request, expected in zip(told, TABLE[step, cluster].split(), strict=True):
        tail = expected.lstrip("✗")
        if expected.startswith("✗"):
            assert request.answer is Answer.TIMED_OUT
            assert request.story == f"dropped leaving {cluster} for {HOME[tail]}/rebel-base-5b79ffc867-{tail}"
        else:
            assert request.story == ""
            assert (request.cluster, request.pod) == (HOME[tail], f"rebel-base-5b79ffc867-{tail}")
            assert request.node == f"{HOME[tail]}-control-plane"
            assert request.attribution == ("body" if named else "flows")


@pytest.mark.parametrize("cluster", [K, T])
def test_bodies_and_flows_agree(recordings, cluster):
    requests = curls((recordings / "4-global" / cluster / "curl.txt").read_text())
    blind = [replace(request, cluster="") for request in requests]
    told = tell(blind, flows(recordings, "4-global"), Client(cluster, "default", PODS[cluster]))
    assert [request.cluster for request in told] == [request.cluster for request in requests]


@pytest.mark.parametrize(("cluster", "marks"), [(K, "KK✗✗K✗"), (T, "✗✗✗✗✗✗")])
def test_step_15_as_recorded_which_has_no_flows(recordings, cluster, marks):
    """Read by hand from curl.txt: a body's line, then its numbers; #28 is a timeout."""
    requests = curls((recordings / "15-link-cut" / cluster / "curl.txt").read_text())
    told = tell(requests, [], Client(cluster, "default", PODS[cluster]))
    assert "".join({K: "K", "": "✗"}[request.cluster] for request in told) == marks
    for request in told:
        timed_out = request.answer is Answer.TIMED_OUT
        assert request.story == ("no flow of it was seen" if timed_out else "")
        assert timed_out == (not request.cluster)


def test_a_cut_link_leaves_a_syn_without_an_answer(recordings):
    """Step 15 has no recorded flows: step 14's, as far as they would be seen with every packet between nodes lost."""
    rows = [
        row for row in flows(recordings, "14-egress-any-cluster")
        if row.node.startswith(f"{K}/") and row.flags == "SYN" and row.source.cluster == K
    ]  # fmt: skip
    requests = [Request(n, 0.0, Answer.TIMED_OUT, 28, 0, 2.0) for n in range(1, 11)]
    told = tell(requests, rows, Client(K, "default", PODS[K]))
    assert told[0].story == f"SYN sent across to {T}/rebel-base-5b79ffc867-jqgrf, never answered"
    assert told[2].story == f"SYN sent to {K}/rebel-base-5b79ffc867-lhjk2, never answered"


def test_timed_out_requests_of_a_concurrent_run_are_matched_by_their_time(recordings):
    client = Client(K, "default", PODS[K])
    rows = flows(recordings, "10-default-deny")
    found = attempts(rows, client)
    skew = 700.0
    requests = [
        Request(number, attempt.at + 2.0 - skew, Answer.TIMED_OUT, 28, 0, 2.0)
        for number, attempt in enumerate(reversed(found), 1)
    ]
    far = tell(requests, rows, client)
    assert {request.story for request in far} == {"no flow of it was seen"}
    near = tell([replace(request, at=request.at + skew) for request in requests], rows, client)
    expected = [word.lstrip("✗") for word in TABLE["10-default-deny", K].split()]
    assert [request.story.rpartition("-")[2] for request in near] == expected[::-1]


def test_without_flows_a_refusal_still_has_a_story():
    [told] = tell([Request(1, 0.0, Answer.REFUSED, 7, 0, 0.001)], [], Client(K, "default", "x"))
    assert "no backend" in told.story
