"""What policies would do to a service's requests before anybody asks: a claim, kept apart from what is observed.

A service is foreseen to fail only where nobody at all would get through: not the load test's client alone, but no
workload of a cluster, and for a Service that is open to the outside nobody from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct

from meshtui.core.health.nodes import unread
from meshtui.core.model import resources as r
from meshtui.core.model.slices import backed_by
from meshtui.core.model.state import Delta, Mesh
from meshtui.core.policy import outside
from meshtui.core.policy.rulebook import Rulebook
from meshtui.core.reach import Reach, Reaches
from meshtui.core.services.row import rank

AT_ONCE = 300
"""Services looked at for one judgement; the others' turn comes with the next."""
_SWEEP = 20
"""Services looked at again for each judgement although nothing of theirs changed: a client elsewhere may have."""
_MOST_CLIENTS = 500
"""Workloads asked for one by one; where there are more, nothing is concluded."""
_ABROAD = "203.0.113.1"
"""An address of the world outside (RFC 5737)."""
_OPEN_TO_ALL = ("NodePort", "LoadBalancer")
_POLICIES = 3
"""Names of policies that a verdict has room for."""


class Denial(Struct, frozen=True):
    """Whose requests to a service policies would refuse, every one of them. Names are as clusters sent them."""

    clients: tuple[str, ...]
    """Names of the clusters whose clients would get nothing."""
    everybody: bool
    """Whether those are all that have the Service."""
    where: str
    """`default-deny in koornacht and tion`."""
    reasons: tuple[str, ...]
    """What refuses, a sentence each."""
    names: bool = False
    """Whether it is names that would not resolve."""

    @property
    def words(self) -> str:
        """`all requests would be denied (default-deny in koornacht and tion)`."""
        who = "all requests" if self.everybody else f"all of {joined(self.clients)}'s requests"
        fate = "find no name resolved" if self.names else "be denied"
        return f"{who} would {fate} ({self.where})"


class Foreseen:
    """Kept current by `note` and `look`. Where no cluster has policies it costs nothing."""

    def __init__(self, mesh: Mesh, book: Callable[[], Rulebook]) -> None:
        self.mesh = mesh
        self._book = book
        self._reaches: Reaches | None = None
        self._found: dict[str, Denial] = {}
        self._due: dict[str, None] = {}
        self._known: tuple[Rulebook, int] | None = None
        self._owners: dict[tuple[str, str], str] = {}
        self._swept: list[str] = []

    @property
    def denied(self) -> Mapping[str, Denial]:
        """Service → whose requests would be refused, of those looked at so far."""
        return self._found

    @property
    def pending(self) -> bool:
        """Whether something changed that was not looked at yet."""
        return bool(self._due)

    def note(self, delta: Delta) -> None:
        """Something changed: what it concerns is looked at again."""
        if self._reaches is None:
            return
        self._reaches.note(delta)
        if not self._reaches.any_governed:
            return
        for (context, resource), names in delta.objects.items():
            if resource is r.SERVICES:
                self._due |= dict.fromkeys(names)
            elif resource is r.ENDPOINTSLICES:
                self._due |= dict.fromkeys(self._services_of(context, names))
            elif resource is r.PODS:
                spaces = {name.partition("/")[0] for name in names}
                services = self.mesh.clusters[context].services if context in self.mesh.clusters else ()
                self._due |= dict.fromkeys(key for key in services if key.partition("/")[0] in spaces)

    def look(self, most: int = AT_ONCE) -> None:
        """Look at what is due, `most` services of it."""
        asked = self._current()
        if not asked.any_governed:
            self._found.clear()
            self._due.clear()
            return
        if not self._swept:
            self._swept = sorted(self._all())
        again, self._swept = self._swept[:_SWEEP], self._swept[_SWEEP:]
        for key in [*list(self._due)[:most], *again]:
            self._due.pop(key, None)
            denial = self._denial(asked, key) if rank(key) == 0 else None
            if denial is None:
                self._found.pop(key, None)
            else:
                self._found[key] = denial

    def _current(self) -> Reaches:
        """What answers, with the policies of now; with other policies everything is looked at again."""
        if self._reaches is None:
            self._reaches = Reaches(self.mesh, self._book())
        known = self._reaches.book, len(self.mesh.clusters)
        if self._known is None or self._known[0] is not known[0] or self._known[1] != known[1]:
            self._known = known
            self._due = dict.fromkeys(self._all())
        return self._reaches

    def _all(self) -> set[str]:
        return {key for cluster in self.mesh.clusters.values() for key in cluster.services}

    def _services_of(self, context: str, names: Iterable[str]) -> set[str]:
        """Those that slices belong to, and those they belonged to before."""
        slices = self.mesh.clusters[context].endpointslices if context in self.mesh.clusters else {}
        found = set()
        for name in names:
            now = backed_by(slices.get(name))
            found |= {self._owners.pop((context, name), ""), now or ""}
            if now:
                self._owners[context, name] = now
        return found - {""}

    def _denial(self, asked: Reaches, key: str) -> Denial | None:
        """Nothing is concluded from a cluster that is not read, nor about clients that are not known."""
        having = [cluster for cluster in self.mesh.clusters.values() if key in cluster.services]
        shut: dict[str, Reach] = {}
        for cluster in having:
            if not unread(cluster) and r.PODS in cluster.objects:
                found = asked.of(cluster.context, key)
                if found.shut and self._read(found) and self._nobody_passes(asked, cluster.context, key, found):
                    shut[cluster.name] = found
        if not shut:
            return None
        places: dict[str, set[str]] = {}
        reasons: dict[str, None] = {}
        for found in shut.values():
            for stop in (stop for stops in found.refused.values() for stop in stops):
                places.setdefault(stop.cluster, set()).update(ref.name for ref in stop.policies)
                reasons[stop.text] = None
        names = all(found.names.passes is False for found in shut.values())
        return Denial(tuple(shut), len(shut) == len(having), where(places), tuple(reasons), names)

    def _read(self, found: Reach) -> bool:
        return not any(unread(self.mesh.clusters[hop.backend.context]) for hop in found.hops)

    def _nobody_passes(self, asked: Reaches, context: str, key: str, found: Reach) -> bool:
        clients = asked.workloads(context).everybody()
        if len(clients) > _MOST_CLIENTS:
            return False
        if found.names.passes is False:
            return all(asked.resolves(context, pod) is False for pod in clients)
        kind = self.mesh.clusters[context].services[key].spec.type
        world = [outside(_ABROAD)] if kind in _OPEN_TO_ALL else []
        return asked.refuses(context, clients, found.hops, world)


def where(places: Mapping[str, Iterable[str]]) -> str:
    """`default-deny in koornacht and tion`: policies' names by the cluster they are in."""
    found: dict[str, list[str]] = {}
    for cluster, names in sorted(places.items()):
        ordered = sorted(names)
        told = ordered if len(ordered) <= _POLICIES else [*ordered[:_POLICIES], f"{len(ordered) - _POLICIES} more"]
        found.setdefault(joined(told) or "a policy", []).append(cluster)
    return "; ".join(f"{policies} in {joined(clusters)}" for policies, clusters in found.items())


def joined(names: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    listed = list(names)
    return " and ".join(listed) if len(listed) < 3 else f"{', '.join(listed[:-1])} and {listed[-1]}"
