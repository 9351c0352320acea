"""What a judgement remembers from the one before: since when something is so, and how fast a link used to be."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable
from typing import TypeVar

from msgspec import Struct, field
from msgspec.structs import replace

from meshtui.core.health.model import Cause, Judged, Subject, Verdict, What
from meshtui.core.model.troubleshoot import Step, Troubleshot

J = TypeVar("J", bound=Judged)
_WEIGHT = 0.1
_ATTEMPTS = 8
_IN_A_ROW = 3
"""Attempts in a row that meet no open connection are lost by no chance that lets most requests pass."""


class Memory(Struct):
    """Kept by the judge from judgement to judgement; bounded by what there is to judge."""

    firsts: dict[Hashable, float] = field(default_factory=dict)
    """Condition → when it was seen first, while it lasts."""
    verdicts: dict[Subject, tuple[Verdict, float]] = field(default_factory=dict)
    latency_ms: dict[tuple[str, str, str], float] = field(default_factory=dict)
    """(cluster, cluster, source) → what packets there and back took while all was well, a slowly moving mean."""
    identities: dict[Hashable, str] = field(default_factory=dict)
    """What a cluster was recognised by when it was seen first."""
    nodes: dict[tuple[str, str], tuple[object, Judged, float]] = field(default_factory=dict)
    """(context, node) → what its verdict was made from, the verdict and when, while it has no trouble."""
    node_fails: dict[str, list[float]] = field(default_factory=dict)
    """`cluster/node` → when probes of it failed since one passed, as far as others passed meanwhile."""
    bad_paths: dict[frozenset[str], tuple[Cause, float]] = field(default_factory=dict)
    """Names of two clusters → what was wrong with the way between them last, and when it still was."""
    gone_at: dict[str, float] = field(default_factory=dict)
    """Name of a cluster → when its clustermesh-apiserver was missing last."""
    down_at: dict[str, float] = field(default_factory=dict)
    """`cluster/node` → when it was down last."""
    attempts: dict[tuple[str, str], deque[Troubleshot]] = field(default_factory=dict)
    """(context, remote cluster) → its KVStoreMesh's last attempts, the newest last."""
    _seen: set[Hashable] = field(default_factory=set)

    def since(self, condition: Hashable, now: float, hint: float = 0.0) -> float:
        """When a condition that holds now began: as remembered, else the cluster's own word for it, else now."""
        self._seen.add(condition)
        first = self.firsts.get(condition)
        if first is None:
            first = self.firsts[condition] = hint if 0 < hint <= now else now
        return first

    def forget_the_rest(self) -> None:
        """Drop conditions that nobody asked for since this was called last: they are over."""
        for condition in self.firsts.keys() - self._seen:
            del self.firsts[condition]
        self._seen.clear()

    def dated(self, judged: J, now: float, hint: float = 0.0) -> J:
        """The same verdict with the time since which it is held."""
        known = self.verdicts.get(judged.subject)
        if known is not None and known[0] is judged.verdict:
            since = known[1]
        else:
            since = hint if 0 < hint <= now else now
            self.verdicts[judged.subject] = judged.verdict, since
        return replace(judged, since=since)

    def lately(self, one: str, other: str, now: float, seconds: float) -> Cause | None:
        """What was wrong with the way between two clusters until less than `seconds` ago: traces of it remain."""
        cause, at = self.bad_paths.get(frozenset((one, other)), (None, 0.0))
        return cause if cause is not None and now - at <= seconds else None

    def attempted(self, context: str, tried: Troubleshot) -> None:
        """An attempt of a cluster's KVStoreMesh, told again and again until the next one."""
        known = self.attempts.setdefault((context, tried.cluster), deque(maxlen=_ATTEMPTS))
        if not known or known[-1].at < tried.at:
            known.append(tried)

    def never_opened(self, context: str, target: str) -> bool:
        """Whether no TCP connection came about in several attempts in a row."""
        known = list(self.attempts.get((context, target), ()))[-_IN_A_ROW:]
        return len(known) == _IN_A_ROW and all(tried.step is Step.TCP for tried in known)

    def keep_only(self, judged: Iterable[Judged]) -> None:
        """Forget what is no longer there to be judged."""
        subjects = {each.subject for each in judged}
        for place in [place for place, (_, known, _) in self.nodes.items() if known.subject not in subjects]:
            del self.nodes[place]
        for link in [link for link in self.attempts if Subject(What.LINK, *link) not in subjects]:
            del self.attempts[link]
        for subject in self.verdicts.keys() - subjects:
            del self.verdicts[subject]

    def usual(self, key: tuple[str, str, str], latency_ms: float | None, *, well: bool) -> float | None:
        """What was usual before; learns from `latency_ms` while all is well."""
        usual = self.latency_ms.get(key)
        if latency_ms is not None and well:
            self.latency_ms[key] = latency_ms if usual is None else usual + _WEIGHT * (latency_ms - usual)
        return usual
