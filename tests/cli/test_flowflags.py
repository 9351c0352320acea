"""`hubble observe`'s flags mean to `meshtui flows` what they mean to it; what they ask of a Relay."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from meshtui.cli.completion import words_of
from meshtui.cli.flowflags import OUTPUTS, filter_text
from meshtui.cli.flows import LAST, FlowsRequest, _asked
from meshtui.cli.parser import build
from meshtui.core.errors import UsageError
from meshtui.core.flows.filter import KEYS, FilterError, FlowFilter, parse
from meshtui.core.flows.filter.keys import SHORTHANDS
from tests.core.flowrows import row

EXAMPLES = {
    "verdict": "DROPPED", "type": "trace:to-endpoint", "port": "80", "ip": "10.1.0.0/16", "identity": "world",
    "label": "app in (a, b)", "drop-reason-desc": "POLICY_DENIED", "protocol": "tcp", "traffic-direction": "egress",
    "tcp-flags": "syn,ack", "http-status": "4+", "http-header": "a: b c", "ip-version": "v4", "snat-ip": "10.1.0.1",
    "ip-trace-id": "7", "cel-expression": "_flow.verdict == 'DROPPED'", "http-path": "/it's/.*",
}  # fmt: skip


def arguments(*words: str) -> Any:
    return build().parse_args(["flows", *words], SimpleNamespace())


def asked_with(*words: str) -> FlowFilter:
    return parse(filter_text(arguments(*words)))


@pytest.mark.parametrize(
    "name", [name for name, key in KEYS.items() if not key.bare and name not in ("text", "namespace")]
)
def test_every_filter_flag_is_the_bars_term(name: str) -> None:
    value = EXAMPLES.get(name.removeprefix("from-").removeprefix("to-"), "default/x-wing")
    [term] = asked_with(f"--{name}", value).terms
    assert (term.key, term.value, term.negated) == (name, value, False)
    [term] = asked_with("--not", f"--{name}={value}").terms
    assert (term.key, term.value, term.negated) == (name, value, True)


@pytest.mark.parametrize("name", [*(n for n in SHORTHANDS), *(name for name, key in KEYS.items() if key.bare)])
def test_flags_without_a_value(name: str) -> None:
    flag = f"--{name}" if len(name) > 1 else f"-{name}"
    assert (
        asked_with(flag, "reply" if name == "x" else "verdict:dropped").terms == parse(f"verdict:dropped {name}").terms
    )
    assert asked_with("--not", flag).terms == parse(f"not {name}").terms


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("-n default -n kube-system", "namespace:default namespace:kube-system"),
        ("-l k8s:name=x-wing -t drop", "label:k8s:name=x-wing type:drop"),
        ("--verdict DROPPED --not --protocol udp --pod a/b", "verdict:DROPPED pod:a/b not protocol:udp"),
        ("--not verdict:dropped --not reply", "not verdict:dropped not reply"),
        ("--not --verdict DROPPED --verdict AUDIT", "verdict:AUDIT not verdict:DROPPED"),
        ("to-port:80 --from-pod default/x-wing", "to-port:80 from-pod:default/x-wing"),
        ("-- --verdict DROPPED --not --reply", "verdict:DROPPED not reply"),
    ],
)
def test_flags_terms_and_exclusions_together(words: str, text: str) -> None:
    assert asked_with(*words.split()) == parse(text)


def test_raw_filters() -> None:
    found = asked_with("--allowlist", '{"source_pod":["default/it\'s"]}', "--denylist", '{"reply":[true]}')
    assert found.to_server()[:2] == ([{"source_pod": ["default/it's"]}], [{"reply": [True]}])


@pytest.mark.parametrize(
    "words", [("--not",), ("--pod", "a/b", "--ip", "10.1.0.1"), ("--port", "70000"), ("--verdict", "no")]
)
def test_what_hubble_refuses(words: tuple[str, ...]) -> None:
    with pytest.raises(FilterError):
        asked_with(*words)


@pytest.mark.parametrize(
    "words",
    [
        "--first 1 --last 1",
        "--first 1 --all",
        "--last 1 --all",
        "--first 1 --follow",
        "--follow --until 1s",
        "--first 0",
    ],
)
def test_bounds_that_exclude_each_other(words: str) -> None:
    with pytest.raises(UsageError):
        _asked(arguments(*words.split()), FlowFilter())


def bounds(*words: str) -> tuple[int, int]:
    found = _asked(arguments(*words), FlowFilter())
    return found.first, found.last


def test_twenty_flows_unless_something_else_bounds_them() -> None:
    assert bounds() == (0, LAST)
    assert bounds("--last", "7") == bounds("--last", "7", "--since", "1h") == (0, 7)
    assert bounds("--first", "7") == (7, 0)
    for words in (("--all",), ("--since", "1h"), ("--until", "1h"), ("--follow",), ("--input-file", "-")):
        assert bounds(*words) == (0, 0)


@pytest.mark.parametrize(
    ("asked", "number", "first"),
    [
        (FlowsRequest(FlowFilter(), last=5), 5, False),
        (FlowsRequest(FlowFilter(), first=5), 5, True),
        (FlowsRequest(FlowFilter()), 1000, False),
        # From a time on a server gives the first ones: to know the last, all must come.
        (FlowsRequest(FlowFilter(), since=1, last=5), 1000, False),
        (FlowsRequest(FlowFilter(), until=1, last=5), 1000, False),
        (FlowsRequest(FlowFilter(), since=1, first=5), 5, True),
        # What only we can filter: how many are left of theirs is not known.
        (FlowsRequest(parse("cross-cluster"), last=5), 1000, False),
        (FlowsRequest(parse("cross-cluster"), first=5), 1000, True),
        (FlowsRequest(parse("verdict:dropped"), last=5), 5, False),
    ],
)
def test_a_server_is_asked_for_as_little_as_will_do(asked: FlowsRequest, number: int, first: bool) -> None:
    query = asked.query(1000)
    assert (query.number, query.first, query.since_ns, query.until_ns) == (number, first, asked.since, asked.until)


def test_the_first_or_last_of_what_matches_within_the_times() -> None:
    rows = [row(time_ns=at, verdict=at % 2 + 1) for at in range(20)]

    def times(**bounds: int) -> list[int]:
        return [found.time_ns for found in FlowsRequest(parse("verdict:dropped"), **bounds).of(rows)]

    assert times() == list(range(1, 20, 2))
    assert times(since=5, until=15, first=2) == [5, 7]
    assert times(since=5, until=15, last=2) == [13, 15]


def test_all_of_it_is_listed_in_help_and_completion() -> None:
    flags = words_of(build())["flows"]
    listed = build()
    [verbs] = [action for action in listed._actions if action.dest == "verb"]
    shown = verbs.choices["flows"]
    shown.complete()
    text = shown.format_help()
    for name in (*KEYS, "first", "all", "numeric", "ip-translation", "time-format", "color", "print-raw-filters"):
        if name != "text":
            assert f"--{name}" in flags
            assert f"--{name}" in text
    assert all(form in text for form in OUTPUTS)
