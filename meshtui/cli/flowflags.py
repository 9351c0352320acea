"""The flags of `meshtui flows`: `hubble observe`'s own, so that a command line for one works for the other."""

from __future__ import annotations

import argparse
import shlex
from typing import Any

from meshtui.cli.grammar import count
from meshtui.core.flows.times import FORMATS

OUTPUTS = ("compact", "dict", "table", "tab", "json", "jsonl", "jsonpb", "yaml")
COLORS = ("auto", "always", "never")
_SHORT = {"label": "-l", "type": "-t", "ipv4": "-4", "ipv6": "-6"}
_NOT_FLAGS = frozenset({"namespace", "text"})
"""`-n` is a flag of all verbs; words to search for stand alone."""
_TIMES = "30s, 5m, 1h, or 2026-11-23T19:36:28Z"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """All of them."""
    parser.usage = "meshtui flows [FLAG ...] [FILTER ...]"
    parser.add_argument(
        "filter", nargs="*", metavar="FILTER", help="as in the dashboard: verdict:dropped to-pod:default/rebel-base"
    )
    _selection(parser.add_argument_group("which"))
    _format(parser.add_argument_group("how"))
    _filters(parser.add_argument_group("filters, as hubble observe has them; --not turns the next one round"))


def _selection(group: Any) -> None:
    group.add_argument("-f", "--follow", action="store_true", help="go on until interrupted")
    group.add_argument("--last", type=count, metavar="N", help="the last N flows of all clusters; 20 by default")
    group.add_argument("--first", type=count, metavar="N", help="the first N flows that are still kept")
    group.add_argument("--all", action="store_true", help="every flow that is still kept")
    group.add_argument("--since", metavar="TIME", help=f"flows since then: {_TIMES}")
    group.add_argument("--until", metavar="TIME", help="flows until then; not with --follow")
    group.add_argument("--input-file", metavar="FILE", help="a file of flows instead of clusters; - for standard input")
    group.add_argument(
        "--print-raw-filters", action="store_true", help="print what would be asked of the servers, and end"
    )


def _format(group: Any) -> None:
    group.add_argument("-o", "--output", choices=OUTPUTS, default=OUTPUTS[0], help=f"{OUTPUTS[0]} by default")
    group.add_argument(
        "--clusters", action="store_true", help="name both clusters and the node, too (compact, dict, table)"
    )
    group.add_argument(
        "--explain",
        action="store_true",
        help="below each dropped flow: why, and what would let it pass (compact, dict)",
    )
    group.add_argument("--print-node-name", action="store_true", help="the observing node")
    group.add_argument("--print-policy-names", action="store_true", help="the policies that decided")
    group.add_argument("--numeric", action="store_true", help="addresses instead of names")
    group.add_argument(
        "--ip-translation", type=_truth, nargs="?", const=True, default=True, metavar="BOOL", help="false: as --numeric"
    )
    group.add_argument(
        "--time-format", type=_time_format, default="StampMilli", metavar="NAME", help=f"in UTC: {', '.join(FORMATS)}"
    )
    group.add_argument("--color", dest="color_when", choices=COLORS, default="auto", help="of compact and dict")


def _filters(group: Any) -> None:
    from meshtui.core.flows.filter.keys import KEYS, SHORTHANDS

    group.add_argument(
        "--not", dest="excluded", action=_Not, nargs="?", default=[], metavar="FILTER", help="none like these"
    )
    for name, key in KEYS.items():
        if name not in _NOT_FLAGS:
            _flag(group, name, key.help, takes_value=not key.bare)
    for name, (key_name, value) in SHORTHANDS.items():
        if len(name) > 1:
            _flag(group, name, f"{key_name} {value}", takes_value=False)
    for name in ("allowlist", "denylist"):
        _flag(group, name, "a FlowFilter as JSON", takes_value=True)


def _flag(group: Any, name: str, text: str, *, takes_value: bool) -> None:
    names = [_SHORT[name]] if name in _SHORT else []
    group.add_argument(
        *names, f"--{name}", dest="flags", action=_Term, nargs=None if takes_value else 0, default=[], help=text,
        **({"metavar": "VALUE"} if takes_value else {}),
    )  # fmt: skip


class _Term(argparse.Action):
    """Keeps a filter flag as a term of the filter's text, among the exclusions after a bare `--not`."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: Any, values: Any, option_string: str | None = None
    ) -> None:
        name = self.option_strings[-1]
        term = name if self.nargs == 0 else f"{name}={shlex.quote(values)}"
        where = "excluded" if getattr(namespace, "turned", False) else "flags"
        namespace.turned = False
        setattr(namespace, where, [*getattr(namespace, where), term])


class _Not(argparse.Action):
    """`--not FILTER`, or `--not` before the flag it turns round."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: Any, values: Any, option_string: str | None = None
    ) -> None:
        if values is None:
            namespace.turned = True
        else:
            namespace.excluded = [*namespace.excluded, quoted(values)]


def quoted(term: str) -> str:
    """A term as filter text: in `key:some words` the value is one value."""
    first, colon, _ = term.partition(":")
    return shlex.quote(term) if colon and " " not in first and " " in term and '"' not in term else term


def filter_text(arguments: Any) -> str:
    """All that was asked for, in the filter bar's grammar."""
    namespaces = [f"namespace:{name}" for name in getattr(arguments, "namespaces", None) or ()]
    terms = [*map(quoted, [*arguments.filter, *namespaces]), *arguments.flags]
    trailing = ["not"] if getattr(arguments, "turned", False) else []
    return " ".join([*terms, *(f"not {term}" for term in arguments.excluded), *trailing])


def _truth(text: str) -> bool:
    word = text.lower()
    if word not in ("1", "t", "true", "0", "f", "false"):
        raise argparse.ArgumentTypeError(f"{text} is neither true nor false")
    return word in ("1", "t", "true")


def _time_format(text: str) -> str:
    known = {name.lower(): name for name in FORMATS}
    if text.lower() not in known:
        raise argparse.ArgumentTypeError(f"no time format is called {text}: {', '.join(FORMATS)}")
    return known[text.lower()]
