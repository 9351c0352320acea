"""A filter's text → terms → FlowFilters, with the CLI's and/or; and the part of it that the server can evaluate."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct

from meshtui.core.flows.filter import keys as k
from meshtui.core.flows.filter.keys import ALIASES, KEYS, SHORTHANDS, FilterError
from meshtui.core.flows.filter.match import Matcher, compile_lists
from meshtui.core.flows.filter.presets import NOISE
from meshtui.core.flows.flow import FlowRow

_TOKEN = re.compile(r"""(?:[^\s"']|"(?:\\.|[^"\\])*"|'[^']*')+""")
_UNFINISHED = re.compile(r"[\"']")
_NEEDS_QUOTES = re.compile(r"""[\s"']""")
_IGNORED_FLAGS = frozenset({"f", "follow", "A", "all-namespaces"})
_LISTS = frozenset({"allowlist", "denylist"})
_SWITCHES = {"reply": ("--reply", "--not-reply"), "encrypted": ("--encrypted", "--unencrypted")}
Document = dict[str, Any]


class Term(Struct, frozen=True):
    """`key:value`, perhaps under `not`."""

    key: str
    value: str
    negated: bool = False

    def __str__(self) -> str:
        value = shlex.quote(self.value) if _NEEDS_QUOTES.search(self.value) else self.value
        text = f"{self.key}:{value}" if self.key != "text" or ":" in value else value
        return f"not {text}" if self.negated and self.key not in _LISTS else text


@dataclass(frozen=True)
class FlowFilter:
    """Terms, as in `hubble observe`: one key again is OR, another key is AND; `not` terms together make one exclusion.

    `hide` names noise (`presets.NOISE`) that is excluded besides.
    """

    terms: tuple[Term, ...] = ()
    hide: tuple[str, ...] = ()
    matcher: Matcher = field(init=False, repr=False, compare=False)
    """`matches`, without a call of its own."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "matcher", compile_lists(self.whitelist(), self.blacklist()))

    def __bool__(self) -> bool:
        return bool(self.terms or self.hide)

    def __str__(self) -> str:
        return " ".join([*map(str, self.terms), *(f"hide:{name}" for name in self.hide)])

    def matches(self, row: FlowRow) -> bool:
        """Whether a row passes. Terms that only the server can evaluate count as true."""
        return self.matcher(row)

    def whitelist(self) -> list[Document]:
        """The whole filter's whitelist, ours included."""
        return _halves(term for term in self.terms if not term.negated)

    def blacklist(self) -> list[Document]:
        """The whole filter's blacklist, noise included."""
        return _halves(term for term in self.terms if term.negated) + self._noise()

    def _noise(self) -> list[Document]:
        return [dict(document) for name in self.hide for document in NOISE[name]]

    def to_server(self) -> tuple[list[Document], list[Document], FlowFilter]:
        """(whitelist, blacklist, rest): FlowFilters the server evaluates, and the terms that only run here."""
        positive = [term for term in self.terms if not term.negated]
        negative = [term for term in self.terms if term.negated]
        here = [term for term in positive if _only_here(term)]
        if any(_only_here(term) for term in negative):
            here += negative  # an exclusion cannot be split: without its other half it would exclude too much
            negative = []
        whitelist = _halves(term for term in positive if not _only_here(term))
        return whitelist, _halves(negative) + self._noise(), FlowFilter(tuple(here))

    def to_command(self) -> str:
        """The `hubble observe` command that shows the same; what it cannot express stands in a comment."""
        words = ["hubble", "observe", "--follow"]
        rest = self.to_server()[2].terms
        here = [term for term in self.terms if term in rest or term.key in k.WITHOUT_FLAG]
        for term in self.terms:
            if term.key in _LISTS:
                words += [f"--{term.key}", term.value]
            elif term not in here:
                words += ["--not"] * term.negated + _flag(term)
        for document in self._noise():
            words += ["--denylist", _json(document)]
        command = " ".join(shlex.quote(word) for word in words)
        return f"{command}  # and, in meshtui only: {' '.join(map(str, here))}" if here else command

    def hiding(self, name: str, hidden: bool = True) -> FlowFilter:
        """The same with one kind of noise hidden or shown."""
        rest = tuple(other for other in self.hide if other != name)
        return FlowFilter(self.terms, (*rest, name) if hidden else rest)


def _only_here(term: Term) -> bool:
    return term.key in KEYS and KEYS[term.key].left in k.CLIENT_FIELDS


def _flag(term: Term) -> list[str]:
    if term.key in _SWITCHES:
        on, off = _SWITCHES[term.key]
        return [on if KEYS[term.key].read(term.value) else off]
    exact = term.key in ("verdict", "drop-reason-desc")
    return [f"--{term.key}", KEYS[term.key].read(term.value) if exact else term.value]


def _json(document: Mapping[str, Any]) -> str:
    import json

    return json.dumps(document, separators=(",", ":"))


def _halves(terms: Iterable[Term]) -> list[Document]:
    """The CLI's two FlowFilters: in the left half `pod` is the source, in the right one the destination."""
    left: Document = {}
    right: Document = {}
    raw: list[Document] = []
    listed = list(terms)
    for term in listed:
        if term.key in _LISTS:
            raw.append(k.read_json(term.value))
            continue
        key = KEYS[term.key]
        value = key.read(term.value)
        _put(left, key.left, value)
        _put(right, key.right, value)
    for half in (left, right):
        _qualify(half)
    halves = [left] if left == right else [left, right]
    return [half for half in halves if half] + raw


def _put(half: Document, name: str, value: Any) -> None:
    if name in k.SERVER_FIELDS:
        half.setdefault("experimental", {}).setdefault(name, []).append(value)
    else:
        half.setdefault(name, []).append(value)


def _qualify(half: Document) -> None:
    """Namespaces qualify the pods and services beside them; alone they are `namespace/`."""
    for side in ("source", "destination"):
        namespaces = half.pop(f"{side}_namespace", [])
        if not namespaces:
            continue
        named = [field for field in (f"{side}_pod", f"{side}_service") if field in half]
        for name in named:
            half[name] = [v if "/" in v else f"{n}/{v}" for v in half[name] for n in namespaces]
            half[name] = list(dict.fromkeys(half[name]))
        if not named:
            half[f"{side}_pod"] = [f"{namespace}/" for namespace in namespaces]


def parse(text: str) -> FlowFilter:
    """Read `key:value … not key:value … word`, or `hubble observe`'s own flags. Raises FilterError."""
    terms: list[Term] = []
    hide: list[str] = []
    for at, term in _terms(text):
        if term.key == "hide":
            if term.value not in NOISE:
                known = list(NOISE)
                raise FilterError(
                    f"hide:{term.value} is not known{k.nearest(term.value, known)}", at=at, hint=", ".join(known)
                )
            hide.append(term.value)
            continue
        _check(term, at)
        terms.append(term)
    for negated in (False, True):
        clash = k.conflict([term.key for term in terms if term.negated is negated])
        if clash:
            raise FilterError(
                f"{clash[0]} and {clash[1]} cannot be combined", hint="As in `hubble observe`: drop one of them."
            )
    _check_http(terms)
    return FlowFilter(tuple(terms), tuple(dict.fromkeys(hide)))


def _terms(text: str) -> Iterable[tuple[int, Term]]:
    tokens = _tokens(text)
    negated = False
    position = 0
    while position < len(tokens):
        at, token = tokens[position]
        position += 1
        if token.lower() in ("not", "--not", "!"):
            negated = True
            continue
        if token in ("and", "hubble", "observe") and not negated:
            continue
        if token.startswith("-") and len(token) > 1:
            name, equals, value = token.lstrip("-").partition("=")
            if name in _IGNORED_FLAGS:
                continue
            name = ALIASES.get(name, name)
            if not equals and name not in SHORTHANDS and not (name in KEYS and KEYS[name].bare):
                if position >= len(tokens):
                    raise FilterError(f"--{name} needs a value", at=at)
                value = tokens[position][1]
                position += 1
        else:
            name, value, negated = _word(token, negated)
        yield at, _term(name, value, negated)
        negated = False
    if negated:
        raise FilterError("`not` needs a filter after it", at=len(text))


def _word(token: str, negated: bool) -> tuple[str, str, bool]:
    """`key:value`, `!key:value`, or a word to search for."""
    if token.startswith("!") and len(token) > 1:
        token, negated = token[1:], True
    name, colon, value = token.partition(":")
    if colon:
        return name, value, negated
    if name in SHORTHANDS or (name in KEYS and KEYS[name].bare):
        return name, "", negated
    return "text", token, negated


def _term(name: str, value: str, negated: bool) -> Term:
    name = ALIASES.get(name, name)
    if name in SHORTHANDS:
        name, value = SHORTHANDS[name]
    if name in KEYS and not value:
        value = KEYS[name].bare
    if name in _LISTS:
        negated = name == "denylist"
    return Term(name, value, negated)


def _tokens(text: str) -> list[tuple[int, str]]:
    """(offset, token) with quotes taken off."""
    found = []
    end = 0
    for match in _TOKEN.finditer(text):
        if _UNFINISHED.search(text[end : match.start()]):
            break
        end = match.end()
        token = match.group()
        found.append((match.start(), _unquoted(token)))
    quote = _UNFINISHED.search(text[end:])
    if quote:
        raise FilterError("a quote is not closed", at=end + quote.start())
    return found


def _unquoted(token: str) -> str:
    def bare(match: re.Match[str]) -> str:
        quoted = match.group()
        return quoted[1:-1] if quoted[0] == "'" else re.sub(r"\\(.)", r"\1", quoted[1:-1])

    return re.sub(r"""'[^']*'|"(?:\\.|[^"\\])*\"""", bare, token)


def _check(term: Term, at: int) -> None:
    known = [*KEYS, *_LISTS, "hide"]
    try:
        if term.key in _LISTS:
            compile_lists([k.read_json(term.value)], [])
            return
        if term.key not in KEYS:
            raise FilterError(
                f"{term.key} is not a filter{k.nearest(term.key, known)}",
                at=at,
                hint="Filters are named like `hubble observe`'s flags: verdict:DROPPED, from-pod:default/x-wing.",
            )
        KEYS[term.key].read(term.value)
    except (ValueError, TypeError) as error:
        raise FilterError(f"{term.key}: {error}", at=at, hint=KEYS[term.key].help if term.key in KEYS else "") from None


def _check_http(terms: Iterable[Term]) -> None:
    """The server refuses an http filter beside an event type other than l7."""
    for document in _halves(term for term in terms if not term.negated):
        kinds = {kind.get("type") for kind in document.get("event_type", ())}
        http = next((name for name in document if name.startswith("http_")), None)
        if http and kinds and k.TYPES["l7"] not in kinds:
            raise FilterError(
                f"{http.replace('_', '-')} needs events of type l7", hint="Add type:l7, or drop the other type."
            )
