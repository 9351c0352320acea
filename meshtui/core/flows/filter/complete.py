"""What can follow in the filter bar: keys of the vocabulary, and values that are in view."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import islice

from meshtui.core.flows import compact, dropreason
from meshtui.core.flows.filter.keys import ALIASES, KEYS
from meshtui.core.flows.filter.presets import NOISE
from meshtui.core.flows.flow import FlowRow, Peer
from meshtui.core.model import identity
from meshtui.core.text import clean

_ROWS_LOOKED_AT = 2_000
_Values = Callable[[FlowRow], Iterable[str]]


def completions(text: str, rows: Sequence[FlowRow], limit: int = 20) -> list[str]:
    """`text` with its last word completed, best first; values are taken from the newest of `rows`."""
    head, _, word = text.rpartition(" ")
    start = f"{head} " if head else ""
    sign = "!" if word.startswith("!") else ""
    name, colon, value = word.removeprefix("!").partition(":")
    if colon:
        found = [f"{name}:{v}" for v in _values(ALIASES.get(name, name), value, rows)]
    else:
        found = [f"{key}:" for key in (*KEYS, "hide") if key.startswith(name)]
        found += [f"{key}:" for key in KEYS if name and name in key and not key.startswith(name)]
        if not sign and name and "not".startswith(name):
            found.append("not ")
    return [f"{start}{sign}{option}" for option in found if option != word][:limit]


def _values(key: str, start: str, rows: Sequence[FlowRow]) -> list[str]:
    if key == "hide":
        return [name for name in NOISE if name.startswith(start)]
    if key not in KEYS:
        return []
    read = _IN_VIEW.get(KEYS[key].left.removeprefix("source_").removeprefix("destination_"))
    counted: Counter[str] = Counter()
    if read is not None:
        for row in islice(reversed(rows), _ROWS_LOOKED_AT):
            counted.update(v for v in read(row, key) if v)
    seen = [clean(v) for v, _ in counted.most_common()]
    known = [v for v in KEYS[key].values if v not in counted]
    lowered = start.lower()
    options = [v for v in [*seen, *known] if v.lower().startswith(lowered)]
    options += [v for v in seen if lowered in v.lower() and not v.lower().startswith(lowered)]
    return [f'"{v}"' if " " in v else v for v in options]


def _sides(row: FlowRow, key: str) -> list[Peer]:
    if key.startswith("from-"):
        return [row.source]
    if key.startswith("to-"):
        return [row.destination]
    return [row.source, row.destination]


def _of_peers(read: Callable[[Peer], Iterable[str]]) -> Callable[[FlowRow, str], Iterable[str]]:
    return lambda row, key: [value for peer in _sides(row, key) for value in read(peer)]


def _of_row(source: _Values, destination: _Values) -> Callable[[FlowRow, str], Iterable[str]]:
    def read(row: FlowRow, key: str) -> Iterable[str]:
        from_source = [] if key.startswith("to-") else list(source(row))
        return from_source if key.startswith("from-") else [*from_source, *destination(row)]

    return read


def _plain(read: _Values) -> Callable[[FlowRow, str], Iterable[str]]:
    return lambda row, _: read(row)


def _pod(peer: Peer) -> list[str]:
    return [f"{peer.namespace}/{peer.pod}"] if peer.pod else []


_IN_VIEW: dict[str, Callable[[FlowRow, str], Iterable[str]]] = {
    "pod": _of_peers(_pod),
    "namespace": _of_peers(lambda p: [p.namespace]),
    "cluster_name": _of_peers(lambda p: [p.cluster]),
    "workload": _of_peers(lambda p: [p.workload]),
    "identity": _of_peers(lambda p: [identity.RESERVED.get(p.identity) or str(p.identity)]),
    "label": _of_peers(lambda p: [label.partition(":")[2] for label in p.labels if label.startswith("k8s:")]),
    "ip": _of_row(lambda r: [r.source_ip], lambda r: [r.destination_ip]),
    "port": _of_row(
        lambda r: [str(r.source_port)] if r.is_reply and r.source_port else [],
        lambda r: [str(r.destination_port)] if not r.is_reply and r.destination_port else [],
    ),
    "service": _of_row(lambda r: [r.source_service], lambda r: [r.destination_service]),
    "fqdn": _of_row(lambda r: r.source_names, lambda r: r.destination_names),
    "verdict": _plain(lambda r: [compact.VERDICTS.get(r.verdict, "")]),
    "drop_reason_desc": _plain(lambda r: [dropreason.NAMES.get(r.drop_reason, "")] if r.drop_reason else []),
    "node_name": _plain(lambda r: [r.node]),
    "http_status_code": _plain(lambda r: [str(r.http_status)] if r.http_status else []),
    "http_method": _plain(lambda r: [r.extra.http_method]),
    "dns_query": _plain(lambda r: [r.dns_query]),
    "uuid": _plain(lambda r: [r.uuid]),
}
