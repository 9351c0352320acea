"""What is wrong between two clusters, told once for both directions and apart from what explains it."""

from __future__ import annotations

from collections.abc import Iterator

from meshtui.core.health.components import APISERVER, homes_of
from meshtui.core.health.control import ControlPlaneFault
from meshtui.core.health.links import CAUSES, KnownFaults
from meshtui.core.health.memory import Memory
from meshtui.core.health.model import Cause, Trouble
from meshtui.core.health.pathhealth import PathHealth, PathState
from meshtui.core.model.severity import Severity
from meshtui.core.model.state import Cluster, Phase
from meshtui.core.model.troubleshoot import Step

TRACES_SECONDS = 60.0
"""So long after a way was bad, attempts that were lost on it are still the last ones known."""
_CERTIFICATE_DAYS = 30.0
_DAY = 86_400.0
_TOLD_SECONDS = 600.0
"""So long it is told that a cluster is another one; then it is the cluster."""
Pair = tuple[str, str]
"""Contexts."""
_EXPLAINS = frozenset(
    CAUSES[state] for state in (PathState.CUT, PathState.ONE_WAY, PathState.LOSSY, PathState.LARGE, PathState.SLOW)
)
"""What is wrong with ways on which etcd's packets are lost or late as well; the overlay's alone do not concern it."""


_OF_OPENED = frozenset((Cause.SLOW, Cause.MTU))
_OF_NOBODY = frozenset((Cause.CONTROL_BLOCKED, Cause.CONTROL_PLANE, Cause.NOT_SYNCED))
"""What an attempt ends with when nobody is there; a wrong address or certificate is wrong all the same."""


def path_trouble(
    one: Cluster, other: Cluster, path: PathHealth, around: KnownFaults, memory: Memory, now: float
) -> Trouble | None:
    """What is wrong with the way between two clusters."""
    if not path.state.bad or (path.nodes and around.down_nodes.issuperset(path.nodes)):
        return None
    if path.nodes:
        unread_one = _of_unread(one, other, path, memory, now)
        if unread_one is not None:
            return unread_one
    names = f"{one.name} ⇄ {other.name}"
    cause, severity = CAUSES[path.state], Severity.WARNING if path.state is PathState.SLOW else Severity.ERROR
    sentence, still, command = _sentence(one, other, path)
    subject = f"{names} ({', '.join(path.nodes)})" if path.nodes else names
    since = memory.since((cause, subject), now, path.since)
    memory.bad_paths[frozenset((one.name, other.name))] = Cause.NODE_DOWN if path.nodes else cause, now
    return Trouble(
        cause, severity, (one.context, other.context), subject, sentence, path.evidence, still, command, since
    )


def _of_unread(one: Cluster, other: Cluster, path: PathHealth, memory: Memory, now: float) -> Trouble | None:
    """A silent node whose cluster cannot say whether it is down: by all that others see of it, it is."""
    homes = {name.partition("/")[0] for name in path.nodes}
    mute = next((c for c in (one, other) if homes == {c.name} and c.api.phase in (Phase.STALE, Phase.FAILED)), None)
    if mute is None:
        return None
    seen = other if mute is one else one
    names = ", ".join(name.rpartition("/")[2] for name in path.nodes)
    verb = "answers" if len(path.nodes) == 1 else "answer"
    return Trouble(
        Cause.NODE_DOWN,
        Severity.ERROR,
        (mute.context, seen.context),
        ", ".join(path.nodes),
        f"{names} of {mute.name} {verb} nobody in {seen.name}; {mute.name}'s API server cannot say whether it is down",
        path.evidence,
        f"the other nodes of {mute.name} answer {seen.name}",
        f"ping the node {names}, from a node of {seen.name}",
        memory.since((Cause.NODE_DOWN, path.nodes), now, path.since),
    )


def _sentence(one: Cluster, other: Cluster, path: PathHealth) -> tuple[str, str, str]:
    """What, what still works, and the command that proves it."""
    a, b = one.name, other.name
    address = next(
        (x.address for n in other.nodes.values() for x in n.status.addresses or () if x.type == "InternalIP"), ""
    )
    agent = f"kubectl --context {one.context} -n {one.home} exec ds/cilium -c cilium-agent --"
    probe = f"{agent} cilium-health status --probe"
    inside = f"requests that stay within {a} or within {b} pass"
    match path.state:
        case PathState.CUT | PathState.NODES if path.nodes:
            return f"{', '.join(path.nodes)} is not reached over the link {a} ⇄ {b}", "the other nodes answer", probe
        case PathState.CUT:
            return f"{a} and {b} do not reach each other: neither nodes nor pods answer", inside, probe
        case PathState.ONE_WAY:
            start, end = path.blocked
            words = f"packets from {start} do not arrive in {end}; those from {end} do arrive in {start}"
            return f"{words}, so no connection between them is answered", inside, probe
        case PathState.OVERLAY:
            config = one.config.data if one.config else {}
            tunnel = config.get("tunnel-protocol", "vxlan").lower()
            port = config.get("tunnel-port", "6081" if tunnel == "geneve" else "8472")
            what = f"UDP {port} ({tunnel})"
            words = f"pods of {a} and {b} do not reach each other, their nodes do: {what} is lost between them"
            tcpdump = f"tcpdump -ni any udp port {port}, on a node of each cluster"
            return words, f"nodes and etcd answer; {inside}", tcpdump
        case PathState.LOSSY:
            words = f"{a} and {b} lose packets between them: {100 * path.share:.0f} % of connections suffer"
            return words, "most requests pass, slower", probe
        case PathState.LARGE:
            ping = f"{agent} ping -M do -s 1400 {address or f'NODE-OF-{b}'}"
            words = f"large packets between {a} and {b} are lost: small requests pass, large ones hang"
            return words, "connections open, and small requests and answers pass", ping
        case _:
            latency, usual = path.latency_ms or 0.0, path.usual_ms or 0.0
            words = f"packets between {a} and {b} take {latency:.0f} ms there and back, {usual:.1f} ms before"
            return words, "all requests pass, slower", probe


def control_troubles(
    one: Cluster,
    other: Cluster,
    controls: dict[Pair, ControlPlaneFault],
    path: PathHealth,
    gone: frozenset[str],
    memory: Memory,
    now: float,
) -> Iterator[Trouble]:
    """What keeps the two from learning of each other, beside what `way` and missing API servers explain."""
    silent = {c.name for c in (one, other) if path.nodes and set(path.nodes) >= homes_of(c, APISERVER)}
    for name in gone | silent:
        memory.gone_at[name] = now
    # What is missing explains that nobody answers, and once it is back it takes a while to be found again.
    missing = any(now - memory.gone_at.get(c.name, 0.0) <= TRACES_SECONDS for c in (one, other))
    explaining = {CAUSES[each.state] for each in path.all if each.state.bad and not each.nodes} & _EXPLAINS
    lately = memory.lately(one.name, other.name, now, TRACES_SECONDS)
    reasons = explaining | ({lately} & _EXPLAINS if lately is not None else set())
    found: list[tuple[Cluster, Cluster, ControlPlaneFault]] = []
    for source, target in ((one, other), (other, one)):
        control = controls.get((source.context, target.context))
        if control is None:
            continue
        if control.lost_packets and reasons - _no_reasons(source, target, control, memory):
            continue
        if missing and control.cause in _OF_NOBODY:
            continue
        found.append((source, target, control))
    told = [item for item in found if item[2].tried is not None]
    if told:
        found = told  # what agents and KVStoreMesh show follows from what stops them
    causes = dict.fromkeys(control.cause for _, _, control in found)
    for cause in causes:
        yield _control([item for item in found if item[2].cause is cause], memory, now)


def _no_reasons(source: Cluster, target: Cluster, control: ControlPlaneFault, memory: Memory) -> frozenset[Cause]:
    """What does not explain an attempt: a connection that is never opened is due to no way that is slow or loses large
    packets alone; nor, time after time, to one that loses some.
    """
    if control.tried is None or control.tried.step is not Step.TCP:
        return frozenset()
    return _OF_OPENED | ({Cause.LOSSY} if memory.never_opened(source.context, target.name) else set())


def _control(found: list[tuple[Cluster, Cluster, ControlPlaneFault]], memory: Memory, now: float) -> Trouble:
    source, target, control = found[0]
    arrow = "⇄" if len(found) > 1 else "→"
    subject = f"{source.name} {arrow} {target.name}"
    whom = f"{source.name} and {target.name} learn" if len(found) > 1 else f"{source.name} learns"
    from_whom = "each other's changes" if len(found) > 1 else f"{target.name}'s changes"
    return Trouble(
        control.cause,
        Severity.ERROR,
        (source.context, target.context),
        subject,
        f"{whom} nothing of {from_whom}: {control.words}",
        tuple(line for _, _, each in found for line in each.evidence),
        "requests to the backends known so far still pass",
        control.command,
        memory.since((control.cause, subject), now, control.since),
    )


def certificate_troubles(clusters: list[Cluster], now: float) -> Iterator[Trouble]:
    """Certificates that have expired or soon will, as KVStoreMesh shows them; each is told once."""
    seen: set[str] = set()
    for cluster in clusters:
        for target, tried in sorted(cluster.troubleshot.items()):
            for each in tried.certificates:
                left = each.not_after - now
                if not each.not_after or left > _CERTIFICATE_DAYS * _DAY or each.serial in seen:
                    continue
                seen.add(each.serial)
                gone = left <= 0
                when = f"{'expired' if gone else 'expires in'} {abs(left) / _DAY:.0f} days{' ago' if gone else ''}"
                yield Trouble(
                    Cause.CERTIFICATE_EXPIRED if gone else Cause.CERTIFICATE_EXPIRES,
                    Severity.ERROR if gone else Severity.WARNING,
                    (cluster.context,),
                    f"{cluster.name} {each.role} {each.subject}",
                    f"{cluster.name}'s {each.role} certificate {each.subject} {when}",
                    (f"used towards {target}, serial {each.serial}, issued by {each.issuer}",),
                    "" if gone else "all of the mesh, until then",
                    f"cilium clustermesh status --context {cluster.context}, then renew it (Helm or cert-manager)",
                )


def replaced(clusters: list[Cluster], memory: Memory, now: float) -> Iterator[Trouble]:
    """Clusters that came back as others. Their etcd's id says nothing: it is new with every clustermesh-apiserver."""
    for cluster in clusters:
        system = cluster.namespaces.get("kube-system")
        if system is not None and system.metadata.uid:
            yield from _another(memory, cluster, system.metadata.uid, now)


def _another(memory: Memory, cluster: Cluster, uid: str, now: float) -> Iterator[Trouble]:
    key = ("uid", cluster.context)
    before = memory.identities.setdefault(key, uid)
    if before == uid:
        return
    first = memory.since(("replaced", cluster.context), now)
    if now - first > _TOLD_SECONDS:
        memory.identities[key] = uid
        return
    yield Trouble(
        Cause.CLUSTER_REPLACED,
        Severity.WARNING,
        (cluster.context,),
        cluster.name,
        f"{cluster.name} came back as another cluster: its kube-system namespace is another one",
        (f"uid before: {before}", f"uid now: {uid}"),
        "",
        f"kubectl --context {cluster.context} get namespace kube-system -o yaml",
        first,
    )
