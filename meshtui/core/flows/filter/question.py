"""What a person asked to see: a preset, a typed filter, hidden noise, and perhaps the events behind one sum."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from meshtui.core.flows import compact, dropreason
from meshtui.core.flows.filter.filter import FlowFilter, parse
from meshtui.core.flows.filter.keys import TYPES
from meshtui.core.flows.filter.match import Matcher
from meshtui.core.flows.filter.presets import CHATTER, NOISE, PRESETS
from meshtui.core.flows.flow import FlowRow
from meshtui.core.flows.sums import AggregateKey, aggregate_key
from meshtui.core.model import identity


@dataclass(frozen=True)
class Question:
    """All parts must hold. The typed filter is asked of the servers; preset and noise are applied here.

    Flows a preset leaves out still arrive: connections unfold into all their events, and a preset changes at once.
    """

    preset: str = "dropped"
    """Name of one of PRESETS, or `service`."""
    service: str = ""
    """The filter of preset `service`."""
    text: str = ""
    hidden: tuple[str, ...] = ()
    behind: AggregateKey | None = None
    unfolded: bool = False
    """Whether the preset of dropped flows shows what every cluster drops, too."""
    typed: FlowFilter = field(init=False, compare=False)
    _parts: tuple[Matcher, ...] = field(init=False, repr=False, compare=False)
    """Those that ask anything, the cheapest first: every flow goes through them."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "typed", parse(self.text))
        parts = (parse(self.preset_text), self.typed, FlowFilter(hide=self.hides))
        object.__setattr__(self, "_parts", tuple(part.matcher for part in parts if part))

    @property
    def preset_text(self) -> str:
        """The preset as a filter's text."""
        return self.service if self.preset == "service" else PRESETS[self.preset]

    @property
    def hides(self) -> tuple[str, ...]:
        """All noise that is not shown: of drops, what every cluster drops is folded away unless asked for."""
        folded = self.preset == "dropped" and not self.unfolded and CHATTER not in self.hidden
        return (*self.hidden, CHATTER) if folded else self.hidden

    @property
    def narrowed(self) -> str:
        """The terms the servers are asked for: nothing else reaches the session. Empty when everything does."""
        here = self.typed.to_server()[2].terms
        return " ".join(str(term) for term in self.typed.terms if term not in here)

    def matches(self, row: FlowRow) -> bool:
        """Whether to show a row."""
        for part in self._parts:
            if not part(row):
                return False
        return self.behind is None or aggregate_key(row) == self.behind

    def asked(self, text: str) -> Question:
        """With another typed filter. One that names verdicts stands without the preset of dropped flows.

        Raises FilterError for a text that is not understood.
        """
        typed = parse(text)
        own_verdict = any(term.key == "verdict" and not term.negated for term in typed.terms)
        preset = "all" if own_verdict and self.preset == "dropped" else self.preset
        hidden = tuple(dict.fromkeys([*self.hidden, *typed.hide]))
        words = " ".join(map(str, typed.terms))
        return replace(self, text=words, preset=preset, hidden=hidden)

    def with_preset(self, name: str, service: str = "") -> Question:
        """With another preset."""
        return replace(self, preset=name, service=service)

    def hiding(self, name: str) -> Question:
        """With one kind of noise hidden, or shown when it was hidden. Raises KeyError for an unknown one."""
        NOISE[name]
        if name == CHATTER and self.preset == "dropped":
            rest = tuple(other for other in self.hidden if other != name)
            return replace(self, hidden=rest, unfolded=name in self.hides)
        rest = tuple(other for other in self.hidden if other != name)
        return replace(self, hidden=rest if name in self.hidden else (*rest, name))

    def command(self) -> str:
        """The `hubble observe` command that shows the same."""
        whole = parse(" ".join([self.preset_text, self.text]))
        return FlowFilter(whole.terms, self.hides).to_command()


_PROTOCOLS = ("TCP", "UDP", "SCTP", "ICMPv4", "ICMPv6")


def terms_of(row: FlowRow) -> list[tuple[str, str]]:
    """(what it is, filter term) for each cell of a row one may filter by."""
    found: list[tuple[str, str]] = []

    def add(name: str, key: str, value: object) -> None:
        if value not in ("", 0, None):
            text = str(value)
            found.append((name, f'{key}:"{text}"' if any(c.isspace() for c in text) else f"{key}:{text}"))

    reply = bool(row.is_reply)
    for side, peer, ip in (("from", row.source, row.source_ip), ("to", row.destination, row.destination_ip)):
        word = "source" if side == "from" else "destination"
        path = f"{peer.namespace}/{peer.pod}" if peer.pod else ""
        add(f"{word} pod", f"{side}-pod", path)
        add(f"{word} workload", f"{side}-workload", peer.workload)
        add(f"{word} namespace", f"{side}-namespace", peer.namespace)
        add(f"{word} cluster", f"{side}-cluster", peer.cluster)
        add(f"{word} identity", f"{side}-identity", identity.RESERVED.get(peer.identity) or peer.identity)
        add(f"{word} address", f"{side}-ip", ip)
    if row.source.pod and row.destination.pod:
        add("either side's pod", "pod", f"{row.source.namespace}/{row.source.pod}")
    add("port", "port", row.source_port if reply else row.destination_port)
    add("verdict", "verdict", compact.VERDICTS.get(row.verdict))
    add("reason", "drop-reason-desc", dropreason.NAMES.get(row.drop_reason) if row.drop_reason else "")
    kind = next((name for name, number in TYPES.items() if number == row.event_type), "")
    add("event type", "type", kind)
    add("direction", "traffic-direction", {1: "ingress", 2: "egress"}.get(row.direction))
    add("protocol", "protocol", row.protocol.lower() if row.protocol in _PROTOCOLS else "")
    add("observing node", "node-name", row.node)
    add("HTTP status", "http-status", row.http_status)
    add("DNS query", "dns-query", row.dns_query)
    return found
