"""The filter's grammar, its meaning against a naive evaluator, its way to the server and back to a command."""

import re
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshtui.core.flows.filter import FilterError, completions, parse, service_text, with_preset
from meshtui.core.flows.filter.labels import LabelSelector
from meshtui.core.flows.filter.match import compile_lists
from meshtui.core.flows.filter.question import Question
from meshtui.core.flows.flow import FlowExtra, FlowRow, Peer
from tests.core.flowrows import REBEL_BASE, WORLD, X_WING, recorded, row

HTTP = row(
    event_type=129,
    l7="http-response",
    http_status=404,
    is_reply=True,
    extra=FlowExtra(http_method="GET", http_url="http://rebel-base/a?b", http_headers=(("X", "1"),)),
)


@pytest.mark.parametrize(
    ("text", "matching"),
    [
        ("", row()),
        ("verdict:dropped", row()),
        ("from-pod:default/x-wing", row()),
        ("from-pod:x-wing", row()),
        ("to-pod:/rebel", row()),
        ("pod:default/", row()),
        ("namespace:default", row()),
        ("-n default --pod rebel", row()),
        ("to-label:name=rebel-base", row()),
        ("label:'name in (a, x-wing)'", row()),
        ("from-label:k8s:name=x-wing,team", row()),
        ("from-label:reserved:world", row(source=WORLD)),
        ("cluster:tion", row()),
        ("from-cluster:koornacht to-cluster:tion", row()),
        ("port:80", row()),
        ("to-port:80 to-port:81", row()),
        ("type:drop", row()),
        ("type:drop:POLICY_DENIED", row()),
        ("type:trace:to-endpoint", row(event_type=4, sub_type=0)),
        ("to-ip:10.2.0.0/16", row()),
        ("ip:10.1.0.27", row()),
        ("identity:150506", row()),
        ("identity:world", row(source=WORLD)),
        ("workload:x-wing", row()),
        ("workload:DaemonSet/a", row(source=Peer(workload="a", workload_kind="DaemonSet"))),
        ("to-service:default/reb", row(destination_service="default/rebel-base")),
        ("from-fqdn:*.example", row(source_names=("A.Example.",))),
        ("reason:POLICY_DENIED", row()),
        ("drop-reason-desc:133", row()),
        ("protocol:TCP", row()),
        ("protocol:icmp", row(protocol="ICMPv6", source_port=0)),
        ("protocol:http", HTTP),
        ("direction:egress", row()),
        ("flags:syn", row()),
        ("tcp-flags:syn,ack", row(flags="SYN, ACK")),
        ("not-reply", row()),
        ("reply", HTTP),
        ("http-status:404", HTTP),
        ("http-status:4+", HTTP),
        ("http-path:^/a$ http-method:get", HTTP),
        ("http-url:base", HTTP),
        ("http-header:X:1", HTTP),
        ("dns-query:rebel", row(l7="dns-request proxy", dns_query="rebel-base.")),
        ("node-name:koornacht/", row()),
        ("node:*-control-plane", row()),
        ("node-label:zone=a", row(node_labels=("zone=a",))),
        ("ipv4", row()),
        ("ip-version:v6", row(source_ip="fd00::1", destination_ip="fd00::2")),
        ("snat-ip:1.2.3.4", row(extra=FlowExtra(source_ip_xlated="1.2.3.4"))),
        ("interface:eth0", row(extra=FlowExtra(interface="eth0"))),
        ("unencrypted", row()),
        ("uuid:u", row(uuid="u")),
        ("trace-id:t", row(extra=FlowExtra(trace_id="t"))),
        ("ip-trace-id:5", row(extra=FlowExtra(ip_trace_id=5))),
        ("cross-cluster", row()),
        ("rebel-base denied", row()),
        ('text:"policy denied"', row()),
        ("cel-expression:'_flow.verdict == 2'", row()),
        ("hide:kube-dns hide:host hide:probes", row()),
        ("not verdict:FORWARDED", row()),
        ('allowlist:\'{"verdict":["DROPPED"]}\'', row()),
    ],
)
def test_every_key_matches_what_it_names_and_not_its_opposite(text: str, matching: FlowRow) -> None:
    assert parse(text).matches(matching)
    assert str(parse(str(parse(text)))) == str(parse(text))
    unlike = row(
        verdict=1,
        event_type=200,
        sub_type=9,
        drop_reason=0,
        direction=1,
        is_reply=None,
        source=Peer(9),
        destination=Peer(9),
        source_ip="fe80::9",
        destination_ip="fe80::9",
        protocol="UDP",
        source_port=9,
        destination_port=9,
        flags="",
        summary="",
        node="other",
        extra=FlowExtra(encrypted=True),
    )
    only_server = {"cel-expression"}
    if text and "hide" not in text and not any(key in text for key in only_server) and "ip-version:v6" not in text:
        assert not parse(text).matches(unlike)


def test_the_same_key_is_or_and_another_is_and() -> None:
    text = "verdict:dropped verdict:error port:80"
    assert parse(text).matches(row())
    assert parse(text).matches(row(verdict=3))
    assert not parse(text).matches(row(verdict=1))
    assert not parse(text).matches(row(destination_port=81))


def test_either_side_keys_make_the_clis_two_halves() -> None:
    white, black, rest = parse("pod:x-wing port:80 not cluster:tion").to_server()
    assert white == [
        {"source_pod": ["x-wing"], "source_port": ["80"]},
        {"destination_pod": ["x-wing"], "destination_port": ["80"]},
    ]
    assert black == [{"source_cluster_name": ["tion"]}, {"destination_cluster_name": ["tion"]}]
    assert not rest


def test_what_only_runs_here_stays_here() -> None:
    white, black, rest = parse("cross-cluster verdict:dropped denied").to_server()
    assert (white, black, str(rest)) == ([{"verdict": ["DROPPED"]}], [], "cross-cluster:true denied")
    white, black, rest = parse("not denied not port:80").to_server()
    assert (white, black, str(rest)) == ([], [], "not denied not port:80")


def test_noise_is_excluded_besides_and_each_by_itself() -> None:
    chosen = parse("hide:probes hide:kube-dns not verdict:ERROR")
    rows = recorded("10-default-deny")
    kept = [r for r in rows if chosen.matches(r)]
    assert 0 < len(kept) < len(rows)
    assert not any(r.source.identity == 1 for r in kept)
    assert not any("k8s:k8s-app=kube-dns" in r.source.labels + r.destination.labels for r in kept)
    assert str(chosen.hiding("probes", False)) == "not verdict:ERROR hide:kube-dns"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("verdikt:dropped", "did you mean verdict?"),
        ("verdict:droped", "did you mean DROPPED?"),
        ("port:99999", "a port is a number"),
        ("ip:10.0.0.300", "neither an IP address nor a CIDR"),
        ("pod:a from-pod:b", "cannot be combined"),
        ("namespace:a to-service:b", "cannot be combined"),
        ("fqdn:a ip:10.0.0.1", "cannot be combined"),
        ("http-status:404 type:drop", "needs events of type l7"),
        ("http-status:9", "not an HTTP status"),
        ("type:trce", "did you mean trace?"),
        ("type:l7:1x", "no sub-types"),
        ("label:a b:c(", "b is not a filter"),
        ("label:!", "not a label key"),
        ("label:'a", "a quote is not closed"),
        ("not", "needs a filter after it"),
        ("--verdict", "needs a value"),
        ("pod:", "needs a value"),
        ("http-path:(", "not a regular expression"),
        ("hide:probe", "did you mean probes?"),
        ("identity:wrld", "did you mean world?"),
        ("tcp-flags:syn,fn", "did you mean"),
        ("http-header:x", "KEY:VALUE"),
        ("allowlist:x", "not JSON"),
        ("allowlist:'{\"nope\":1}'", "no field of a FlowFilter"),
        ("ip-trace-id:x", "not a number"),
    ],
)
def test_what_is_wrong_is_said(text: str, says: str) -> None:
    with pytest.raises(FilterError, match=re.escape(says)):
        parse(text)


def test_an_error_points_at_its_word() -> None:
    with pytest.raises(FilterError) as caught:
        parse("verdict:DROPPED prot:80")
    assert caught.value.at == 16


@pytest.mark.parametrize(
    "text",
    [
        "verdict:dropped from-pod:default/x-wing to-label:name=rebel-base",
        "not port:53 type:trace:to-endpoint reply",
        "label:'a in (b, c)' unencrypted",
        "hide:probes verdict:DROPPED",
    ],
)
def test_the_command_means_the_same(text: str) -> None:
    chosen = parse(text)
    command = chosen.to_command()
    assert command.startswith("hubble observe --follow")
    again = parse(command)
    assert (again.whitelist(), again.blacklist()) == (chosen.whitelist(), chosen.blacklist())


def test_the_command_says_what_it_cannot() -> None:
    command = parse("verdict:dropped cross-cluster").to_command()
    assert command == "hubble observe --follow --verdict DROPPED  # and, in meshtui only: cross-cluster:true"


def test_presets_keep_what_is_hidden() -> None:
    assert with_preset("dropped", "port:80 hide:probes") == "verdict:DROPPED hide:probes"
    assert with_preset("all", "hide:host") == "hide:host"
    text = service_text("default", "rebel-base", {"name": "rebel-base"})
    assert parse(text).matches(
        row(destination=Peer(labels=(*REBEL_BASE.labels, "k8s:io.kubernetes.pod.namespace=default")))
    )
    assert not parse(text).matches(row())
    assert parse(service_text("default", "rebel-base", {})).matches(row(source_service="default/rebel-base"))


def test_completion_offers_what_is_in_view() -> None:
    rows = recorded("10-default-deny")
    assert completions("ver", rows)[0] == "verdict:"
    assert completions("verdict:dropped from-p", rows) == ["verdict:dropped from-pod:", "verdict:dropped from-port:"]
    assert set(completions("cluster:", rows)) == {"cluster:koornacht", "cluster:tion"}
    assert "to-pod:default/rebel-base-5b79ffc867-jqgrf" in completions("to-pod:rebel", rows)
    assert completions("verdict:dr", rows) == ["verdict:DROPPED"]
    assert "to-port:80" in completions("to-port:", rows)
    assert completions("!label:name=x", rows) == ["!label:name=x-wing"]
    assert completions("hide:p", rows) == ["hide:probes"]
    assert completions("nope:", rows) == []
    assert completions("identity:ho", [row(source=Peer(1))]) == ["identity:host"]
    assert "\x1b" not in "".join(completions("namespace:", [row(source=Peer(9, "", "\x1bx"))]))


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ("a=b", True),
        ("a==b", True),
        ("a!=b", False),
        ("z!=b", True),
        ("a", True),
        ("!a", False),
        ("!z", True),
        ("a in (x, b),k8s:c", True),
        ("a notin (x)", True),
        ("any:a=b", True),
        ("reserved:a=b", False),
    ],
)
def test_label_selectors(selector: str, matches: bool) -> None:
    assert LabelSelector.parse(selector).matches(["k8s:a=b", "k8s:c"]) is matches


# Against a naive evaluator: each FlowFilter field spelt out once more, without compiling anything.

PEERS = [X_WING, REBEL_BASE, WORLD, Peer(1), Peer(3, "tion", "kube-system", "coredns-x", "coredns")]
WORDS: dict[str, list[str]] = {
    "verdict": ["FORWARDED", "DROPPED"],
    "from-pod": ["default/x-wing", "/rebel", "kube-system/"],
    "to-pod": ["default/x-wing", "/", "rebel-base"],
    "cluster": ["tion", "koornacht"],
    "port": ["80", "53"],
    "identity": ["host", "3"],
    "reply": ["true", "false"],
    "type": ["drop", "trace"],
    "cross-cluster": ["yes", "no"],
}
rows_drawn = st.builds(
    lambda s, d, v, p, reply, t: row(
        source=s, destination=d, verdict=v, destination_port=p, is_reply=reply, event_type=t
    ),
    st.sampled_from(PEERS),
    st.sampled_from(PEERS),
    st.sampled_from([1, 2]),
    st.sampled_from([80, 53, 1]),
    st.sampled_from([None, True, False]),
    st.sampled_from([1, 4]),
)
terms_drawn = st.lists(st.tuples(st.sampled_from([(k, v) for k in WORDS for v in WORDS[k]]), st.booleans()), max_size=5)


def naive(key: str, value: str, r: FlowRow, peer: Peer, port: int) -> bool:
    def pod(p: Peer) -> bool:
        ns, slash, name = value.partition("/")
        ns, name = (ns, name) if slash else ("default", value)
        return bool(p.pod or p.namespace) and ns in ("", p.namespace) and p.pod.startswith(name)

    clusters = {r.source.cluster, r.destination.cluster} - {""}
    answers: dict[str, Any] = {
        "verdict": lambda: {"FORWARDED": 1, "DROPPED": 2}[value] == r.verdict,
        "from-pod": lambda: pod(r.source),
        "to-pod": lambda: pod(r.destination),
        "cluster": lambda: peer.cluster == value,
        "port": lambda: port == int(value),
        "identity": lambda: peer.identity == (1 if value == "host" else int(value)),
        "reply": lambda: (False if r.is_reply is None and r.verdict == 2 else r.is_reply) is (value == "true"),
        "type": lambda: {"drop": 1, "trace": 4}[value] == r.event_type,
        "cross-cluster": lambda: (len(clusters) == 2) is (value == "yes"),
    }
    return bool(answers[key]())


def naive_half(terms: list[tuple[str, str]], r: FlowRow, peer: Peer, port: int) -> bool:
    keys = {key for key, _ in terms}
    return all(any(naive(k, v, r, peer, port) for k, v in terms if k == key) for key in keys)


def naive_any_half(terms: list[tuple[str, str]], r: FlowRow) -> bool:
    return naive_half(terms, r, r.source, r.source_port) or naive_half(terms, r, r.destination, r.destination_port)


@settings(max_examples=250, deadline=None)
@given(terms_drawn, st.lists(rows_drawn, min_size=1, max_size=6))
def test_agrees_with_a_naive_evaluator(terms: list[tuple[tuple[str, str], bool]], rows: list[FlowRow]) -> None:
    text = " ".join(("not " if negated else "") + f"{key}:{value}" for (key, value), negated in terms)
    chosen = parse(text)
    white = [term for term, negated in terms if not negated]
    black = [term for term, negated in terms if negated]
    server_white, server_black, rest = chosen.to_server()
    at_server = compile_lists(server_white, server_black)
    for r in rows:
        expected = (not white or naive_any_half(white, r)) and not (black and naive_any_half(black, r))
        assert chosen.matches(r) is expected, text
        assert not expected or (at_server(r) and (rest.matches(r) or rest.blacklist()))


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_a_filter_or_a_told_error(text: str) -> None:
    try:
        chosen = parse(text)
    except FilterError:
        return
    chosen.matches(row())
    assert str(parse(str(chosen))) == str(chosen)


def test_the_recorded_drops_are_found_each_way() -> None:
    rows = recorded("10-default-deny")
    dropped = [r for r in rows if parse("verdict:dropped").matches(r)]
    assert dropped
    assert dropped == [r for r in rows if r.verdict == 2]
    for side, cluster in product(("from", "to"), ("koornacht", "tion")):
        chosen = parse(f"verdict:dropped {side}-cluster:{cluster}")
        peer = {"from": "source", "to": "destination"}[side]
        assert [r for r in rows if chosen.matches(r)] == [r for r in dropped if getattr(r, peer).cluster == cluster]


def test_what_every_cluster_drops_is_folded_among_dropped_flows_and_one_switch_away():
    chatter = row(verdict=2, drop_reason=139, protocol="ICMPv6", source_ip="fe80::1", destination_ip="ff02::2")
    denied = row(verdict=2, drop_reason=133, protocol="TCP", source_ip="10.0.0.1", destination_ip="10.0.0.2")
    stray = row(verdict=2, drop_reason=139, protocol="ICMPv6", source_ip="fd00::1", destination_ip="fd00::2")
    question = Question()
    assert [question.matches(row) for row in (chatter, denied, stray)] == [False, True, True]
    shown = question.hiding("chatter")
    assert shown.matches(chatter)
    assert shown.hides == ()
    assert not shown.hiding("chatter").matches(chatter)
    assert question.with_preset("all").matches(chatter)
    assert not question.with_preset("all").hiding("chatter").matches(chatter)
    assert "ff00::/8" in question.command()
    assert parse("hide:chatter").matches(denied)
