"""From refused connections to proposals: drafts and changes that are valid, sufficient, and told with all they open."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from meshtui.core.model import objects as o
from meshtui.core.model import resources as r
from meshtui.core.model.manifest import as_manifest, written
from meshtui.core.model.state import Mesh
from meshtui.core.policy.evaluate import direction_verdict
from meshtui.core.policy.explain import explain_direction
from meshtui.core.policy.mend.change import edits
from meshtui.core.policy.mend.draft import Draft, Place
from meshtui.core.policy.mend.effect import Difference, identities
from meshtui.core.policy.mend.model import Manner, Proposal, Remedy, Wanted, unique
from meshtui.core.policy.mend.telling import telling_labels
from meshtui.core.policy.model import Decision, DirectionVerdict, Party, TrafficDirection
from meshtui.core.policy.rulebook import Rulebook
from meshtui.core.policy.rules import kind_of, specs_of
from meshtui.core.policy.standing import refusal
from meshtui.core.routing import what_if

Gap = tuple[Wanted, TrafficDirection]
"""A connection, and the direction in which it is refused."""


def propose(
    mesh: Mesh,
    wanted: Iterable[Wanted],
    *,
    book: Rulebook | None = None,
    changes: bool = True,
    gaps: Iterable[Gap] | None = None,
) -> Remedy:
    """What would let connections pass that the policies of now refuse; `changes`: of policies that are there, too.

    Every proposal is taken by API servers and agents, and lets all pass that it is for, in its direction. What it
    opens beside is in `openings`. `gaps`: what is refused, where that was seen and the policies need not be asked.
    """
    asked = unique(wanted)
    found = _Proposer(mesh, book or Rulebook(mesh), asked)
    choices = []
    for draft in found.drafts(found.refused() if gaps is None else gaps):
        options = found.options(draft, changes=changes)
        if options:
            choices.append(options)
    return Remedy(asked, tuple(choices), tuple(dict.fromkeys(found.obstacles)), tuple(found.allowed))


def with_proposals(mesh: Mesh, proposals: Iterable[Proposal]) -> Mesh:
    """The mesh as it would be with proposals applied."""
    changes: dict[tuple[str, r.Resource], dict[str, o.Object | None]] = {}
    for each in proposals:
        policy: o.Policy = msgspec.convert(each.manifest, o.Policy, strict=False)
        resource = r.BY_KIND[kind_of(policy)]
        changes.setdefault((each.context, resource), {})[policy.key] = policy
    return what_if(mesh, changes)


class _Proposer:
    """One answer in the making."""

    def __init__(self, mesh: Mesh, book: Rulebook, wanted: Sequence[Wanted]) -> None:
        self.mesh, self.book, self.wanted = mesh, book, wanted
        self.obstacles: list[str] = []
        self.allowed: list[Wanted] = []
        self._everybody: list[Party] | None = None
        self._taken: dict[tuple[str, str], set[str]] = {}
        self._changed: set[tuple[str, str, str]] = set()

    @property
    def everybody(self) -> list[Party]:
        """One pod of each identity, looked up once."""
        if self._everybody is None:
            self._everybody = identities(self.mesh)
        return self._everybody

    def refused(self) -> list[Gap]:
        """What the policies of now refuse, and a rule could allow."""
        gaps: list[Gap] = []
        for each in self.wanted:
            open_ways = 0
            for direction in TrafficDirection:
                decided = direction_verdict(self.book, *each.ends(direction), direction, each.protocol, each.port)
                if decided.allowed:
                    open_ways += 1
                elif why := self._hopeless(each, decided):
                    self.obstacles.append(why)
                else:
                    gaps.append((each, direction))
            if open_ways == len(TrafficDirection):
                self.allowed.append(each)
        return gaps

    def drafts(self, gaps: Iterable[Gap]) -> list[Draft]:
        """One for each cluster, direction and workload."""
        drafts: dict[Place, Draft] = {}
        for each, direction in gaps:
            subject, _ = each.ends(direction)
            labels = tuple(telling_labels(subject).items())
            place = Place(subject.context, subject.labels.namespace, labels, direction.value)
            if why := drafts.setdefault(place, Draft(place, subject)).add(each):
                self.obstacles.append(why)
        return [draft for draft in drafts.values() if draft.gaps]

    def _hopeless(self, wanted: Wanted, decided: DirectionVerdict) -> str:
        sentence = explain_direction(decided).sentence
        if decided.decision is Decision.DENIED:
            return f"{wanted}: {sentence}. A deny wins over every allow: that rule itself must be narrowed"
        if decided.unknown:
            return f"{wanted}: {sentence}"
        return ""

    def options(self, draft: Draft, *, changes: bool) -> tuple[Proposal, ...]:
        """Proposals for one draft, the best first."""
        options = list(self._changes(draft)) if changes else []
        new = self._new(draft)
        near = [each for each in options if each.manner is Manner.COPY or each.title.startswith("let its selector")]
        far = [each for each in options if each not in near]
        listed = [*near, *([new] if new else []), *far]
        if not listed:
            where = f"{draft.direction.value} at {self._name(draft)}"
            self.obstacles += [f"{each}: no rule was found that would allow {where}" for each in draft.gaps]
            return ()
        first = listed[0]
        if first.manner is Manner.CHANGE:
            self._changed.add((first.context, first.namespace, first.name))
        return tuple(listed)

    def _name(self, draft: Draft) -> str:
        return self.mesh.clusters[draft.place.context].name

    def _changes(self, draft: Draft) -> Iterable[Proposal]:
        seen: list[Any] = []
        for edit in edits(self.book, draft):
            policy = edit.policy
            where = (draft.place.context, policy.namespace, policy.name)
            if where in self._changed or len(seen) >= 3:
                continue
            before = as_manifest(edit.resource, edit.before)
            manifest = as_manifest(edit.resource, policy)
            assert manifest is not None
            made = self._checked(draft, edit.manner, written(manifest), before, edit.resource, edit.what)
            # What closes a pod that was open, or carries denials, is more than an allowance.
            fits = made is not None and not made.closes and not (edit.manner is Manner.COPY and _denies(policy))
            if made is not None and fits and made.manifest not in seen:
                seen.append(made.manifest)
                yield made

    def _new(self, draft: Draft) -> Proposal | None:
        cluster = self.mesh.clusters[draft.place.context]
        reading = self.book.reading(cluster.context)
        space = draft.place.namespace
        taken = self._taken.setdefault(
            (cluster.context, space), {p.name for p in cluster.of(r.CNPS).values() if p.namespace == space}
        )
        manifest = draft.manifest(reading, taken)
        made = self._checked(draft, Manner.NEW, manifest, None, r.CNPS, "a new policy")
        if made is not None and made.closes:
            manifest = draft.manifest(reading, taken, open_besides=True)
            made = self._checked(draft, Manner.NEW, manifest, None, r.CNPS, "a new policy") or made
        if made is not None:
            taken.add(made.name)
        return made

    def _checked(
        self,
        draft: Draft,
        manner: Manner,
        manifest: dict[str, Any],
        before: dict[str, Any] | None,
        resource: r.Resource,
        what: str,
    ) -> Proposal | None:
        """The proposal, if clusters take it and it lets all pass that it is for."""
        context, reading = draft.place.context, self.book.reading(draft.place.context)
        if refusal(manifest, reading) is not None:
            return None
        policy: o.Policy = msgspec.convert(manifest, o.Policy, strict=False)
        old = self.mesh.clusters[context].of(resource).get(policy.key)
        after = what_if(self.mesh, {(context, resource): {policy.key: policy}})
        now = Rulebook(after, self.book)
        for each in draft.gaps:
            subject, peer = each.ends(draft.direction)
            if not direction_verdict(now, subject, peer, draft.direction, each.protocol, each.port).allowed:
                return None
        rules = [[rule for rule in book.rules(context) if _is(rule.policy, policy)] for book in (self.book, now)]
        difference = Difference(self.book, now, context, rules[0] if old is not None else [], rules[1])
        openings = difference.openings(self.everybody, self.wanted)
        closes = difference.closes(self.everybody)
        return Proposal(context, self._name(draft), draft.direction, manner, manifest, before, what, openings, closes)


def _denies(policy: o.Policy) -> bool:
    return any(spec.get(section) for spec in specs_of(policy) for section in ("ingressDeny", "egressDeny"))


def _is(ref: Any, policy: o.Policy) -> bool:
    return (ref.kind, ref.namespace, ref.name) == (kind_of(policy), policy.namespace, policy.name)
