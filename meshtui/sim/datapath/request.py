"""One request of a pod, from its name to its answer: what curl in an exec gets, and the flows it leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from meshtui.hubble.pb import flow_pb2 as pb
from meshtui.sim.datapath import events, names, resolver, servers
from meshtui.sim.datapath.connection import (
    Connection,
    http_exchange,
    opening,
    refusal,
    unanswered,
    unfinished,
)
from meshtui.sim.datapath.emit import play, play_on
from meshtui.sim.datapath.events import Observer
from meshtui.sim.datapath.exports import Backend
from meshtui.sim.datapath.fqdns import learn
from meshtui.sim.datapath.identity import Party, as_seen, of_pod, resolve, view_of
from meshtui.sim.datapath.policy import OPEN, Decision, decide
from meshtui.sim.datapath.proxy import gatekeep
from meshtui.sim.datapath.routing import Affinities, selected
from meshtui.sim.datapath.view import View, view
from meshtui.sim.faults.active import OVERLAY, Place
from meshtui.sim.rulebook.rules import EGRESS, INGRESS
from meshtui.sim.world import SimCluster, World

Object = dict[str, Any]
LOCAL_HOP, NODE_HOP = 0.00002, 0.00015
FULL, ENVELOPE = 1410, 90
"""Bytes of HTTP that a packet holds at most, and what TCP, IP and VXLAN put around them."""
PROXY_PORTS = (10000, 20000)
DEFAULT_TIMEOUT = 130.0
"""Seconds after which Linux gives up connecting (tcp_syn_retries 6)."""
RESOLVER_TIMEOUT, RESOLVER_ATTEMPTS = 5.0, 2


@dataclass(frozen=True)
class RequestResult:
    """How a request ended. `kind`: answered, timeout, refused or dns (name unknown)."""

    kind: str
    status: int = 0
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    local_ip: str = ""
    local_port: int = 0
    remote_ip: str = ""
    remote_port: int = 0


@dataclass(frozen=True)
class Asked:
    """What is wanted, and when it began (monotonic seconds)."""

    host: str
    port: int
    path: str
    method: str
    headers: Mapping[str, str]
    limit: float
    start: float
    spent: float = 0.0
    """Seconds that names and lost packets have cost so far. Whether an answer comes in time is decided by these: a
    machine that is busy must not make a network slow.
    """


@dataclass(frozen=True)
class Target:
    """Where a connection goes: an address, the Service behind it if it is one, and the backend if there is one."""

    ip: str
    service: Object | None = None
    backend: Backend | None = None
    open_port: bool = True
    """Whether the Service has that port."""


async def request(
    world: World,
    cluster: SimCluster,
    pod: Object,
    host: str,
    port: int,
    *,
    path: str = "/",
    method: str = "GET",
    max_time: float = 0.0,
    headers: Mapping[str, str] | None = None,
) -> RequestResult:
    """Make one HTTP request from a pod. `max_time` in seconds, 0 for the system's patience; never raises."""
    known = view(cluster)
    asked = Asked(host, port, path, method, headers or {}, max_time or DEFAULT_TIMEOUT, world.clock.monotonic())
    client = of_pod(known, pod)
    if host == "localhost" or host.startswith("127.") or host == client.ip:
        return _itself(world, pod, asked)
    ips: tuple[str, ...] = (host,)
    if not names.is_address(host):
        found = await _resolve(world, known, client, pod, asked)
        if isinstance(found, RequestResult):
            return found
        ips, spent = found
        asked = replace(asked, spent=spent)
    return await _connect(world, known, client, ips[0], asked)


def _itself(world: World, pod: Object, asked: Asked) -> RequestResult:
    """The loopback: no packet leaves, nobody observes."""
    answer = servers.answer(world, pod, asked.port, asked.path, asked.method)
    if answer is None:
        return RequestResult("refused", seconds=0.0002)
    local = "127.0.0.1"
    port = _ephemeral(world)
    return RequestResult("answered", *answer, 0.0006, local, port, local, asked.port)


def _ephemeral(world: World) -> int:
    return world.rng.randrange(32768, 60999)


async def _resolve(
    world: World, known: View, client: Party, pod: Object, asked: Asked
) -> tuple[tuple[str, ...], float] | RequestResult:
    """Ask CoreDNS; the answer and how long it took, or how the request ends without one."""
    spent = 0.0
    for lookup in names.lookups(known, asked.host, pod["metadata"].get("namespace", "default")):
        link = _dns_link(world, known, client)
        if link is None:
            return await _no_resolver(world, known, client, asked)
        at = world.clock.monotonic()
        if not link.egress.allowed or not link.ingress.allowed or link.cut or link.cut_back:
            return await _silent_resolver(world, link, lookup, asked)
        steps = list(resolver.conversation(link, lookup, proxy_port(known, client)))
        spent += await play(world, steps, at)
        if not resolver.permitted(link, lookup.query):
            return await _end(world, asked, "dns", 0.002)
        if lookup.ips:
            if link.egress.proxied:
                learn(known, lookup.query, lookup.ips)
            return lookup.ips, spent
    return await _end(world, asked, "dns", 0.004)


async def _no_resolver(world: World, known: View, client: Party, asked: Asked) -> RequestResult:
    """Without any CoreDNS the question is refused at once, as to every Service without a backend."""
    service = known.service("kube-system", "kube-dns")
    if service is None:
        return await _end(world, asked, "dns", RESOLVER_TIMEOUT * RESOLVER_ATTEMPTS)
    here = Observer(known, client.node)
    front = Party(service["spec"]["clusterIP"], 2, ("reserved:world",))
    link = Connection(here, here, client, front, "UDP", _ephemeral(world), 53, OPEN, OPEN)
    flow = events.drop(here, link.packet(), pb.EGRESS, pb.SERVICE_BACKEND_NOT_FOUND, 1337)
    await play(world, [(0.0, here, flow)], world.clock.monotonic())
    return await _end(world, asked, "dns", world.clock.monotonic() - asked.start + 0.002)


async def _silent_resolver(world: World, link: Connection, lookup: names.Lookup, asked: Asked) -> RequestResult:
    """Questions nobody answers: again after 5 s, given up after 10."""
    for attempt in range(RESOLVER_ATTEMPTS):
        at = asked.start + attempt * RESOLVER_TIMEOUT
        if attempt * RESOLVER_TIMEOUT < asked.limit:
            steps = list(resolver.conversation(link, lookup, 0))
            await play(world, steps, at)
    ends = RESOLVER_TIMEOUT * RESOLVER_ATTEMPTS
    return await _end(world, asked, "timeout" if asked.limit < ends else "dns", min(asked.limit, ends))


def proxy_port(known: View, client: Party) -> int:
    """Port of the DNS proxy on a pod's node."""
    low, high = PROXY_PORTS
    return low + sum(f"{known.name}/{client.node}".encode()) % (high - low)


def _dns_link(world: World, known: View, client: Party) -> Connection | None:
    """A UDP exchange with one of CoreDNS' pods; None without any."""
    service = known.service("kube-system", "kube-dns")
    if service is None:
        return None
    port = next((p for p in service["spec"]["ports"] if p.get("protocol") == "UDP"), None)
    backend = _pick(world, known, client, service, port) if port else None
    if backend is None:
        return None
    server = resolve(world, known, backend.ip)
    return _link(world, known, client, server, "UDP", backend.port, service["spec"]["clusterIP"])


def _pick(world: World, known: View, client: Party, service: Object, port: Object) -> Backend | None:
    affinities = known.cluster.part(Affinities, Affinities)
    backends = selected(world, known, service, port, client.node)
    return affinities.choose(service, client.ip, backends, world.rng, world.clock.monotonic())


def _link(
    world: World, known: View, client: Party, server: Party, protocol: str, port: int, service_ip: str
) -> Connection:
    """The connection with both sides' decisions."""
    source_node = Observer(known, client.node)
    egress = decide(known, EGRESS, client, as_seen(server, known, client.node), protocol, port)
    ingress: Decision = OPEN
    far = source_node
    if server.cluster and server.node:
        there = view_of(world, server)
        far = Observer(there, server.node)
        if server.is_pod:
            ingress = decide(there, INGRESS, server, as_seen(client, there, server.node), protocol, port)
    latency = NODE_HOP if (far.known.name, far.node) != (known.name, client.node) else LOCAL_HOP
    here, there_ = Place(known.name, client.node), Place(far.known.name, far.node)
    slower = (world.faults.delay(known.name, far.known.name), world.faults.delay(far.known.name, known.name))
    return Connection(
        source_node,
        far,
        client,
        server,
        protocol,
        _ephemeral(world),
        port,
        egress,
        ingress,
        service_ip,
        latency + slower[0],
        _vanishes(server, far) or not world.faults.passes(here, there_, OVERLAY),
        latency + slower[1],
        not world.faults.passes(there_, here, OVERLAY),
    )


def _vanishes(server: Party, far: Observer) -> bool:
    """Whether packets leave for an address that is no pod's, or not any more."""
    return not server.is_pod or server.ip not in far.known.pod_by_ip


def _target(world: World, known: View, client: Party, ip: str, port: int) -> Target:
    """What an address and port mean to this cluster's service tables."""
    key = known.service_by_ip.get(ip)
    if key is None:
        return Target(ip)
    service = known.service(*key)
    if service is None:
        return Target(ip)
    wanted = next(
        (p for p in service["spec"].get("ports") or () if p["port"] == port and p.get("protocol", "TCP") == "TCP"),
        None,
    )
    if wanted is None:
        return Target(ip, service, None, open_port=False)
    return Target(ip, service, _pick(world, known, client, service, wanted))


async def _connect(world: World, known: View, client: Party, ip: str, asked: Asked) -> RequestResult:
    target = _target(world, known, client, ip, asked.port)
    began = world.clock.monotonic()
    if target.service is not None and target.backend is None:
        if not target.open_port:
            return await _end(world, asked, "timeout", asked.limit)
        return await _no_backend(world, known, client, target, asked, began)
    address, port = (target.backend.ip, target.backend.port) if target.backend else (ip, asked.port)
    server = resolve(world, known, address)
    link = _link(world, known, client, server, "TCP", port, ip if target.service else "")
    if not link.egress.allowed or not link.ingress.allowed or link.cut or link.cut_back:
        return await _unanswered(world, link, asked, began)
    lost = _lost_packets(world, link)
    if lost:
        wait = 2.0**lost - 1
        if asked.spent + wait >= asked.limit or lost > 6:
            return await _unanswered(world, link, asked, began)
        await world.clock.sleep(wait)
        asked, began = replace(asked, spent=asked.spent + wait), world.clock.monotonic()
    return await _answered(world, link, server, ip, asked, began)


def _lost_packets(world: World, link: Connection) -> int:
    """How many SYNs in a row, or the answers to them, are lost."""
    share = world.faults.loss(link.client.known.name, link.server.known.name)
    share = 1 - (1 - share) ** 2
    count = 0
    while share and count < 7 and world.rng.random() < share:
        count += 1
    return count


RETRANSMIT = 0.2
"""Seconds after which a packet of an open connection is sent again (Linux' least); twice as long each further time."""


def _lost_later(world: World, link: Connection) -> float:
    """Seconds that lost packets of the question and its answer cost once the connection is open."""
    share = world.faults.loss(link.client.known.name, link.server.known.name)
    wait = 0.0
    for _ in range(2 if share else 0):
        step = RETRANSMIT
        while world.rng.random() < share and step < DEFAULT_TIMEOUT:
            wait, step = wait + step, step * 2
    return wait


def _too_large(world: World, link: Connection, asked: Asked, answer: servers.Answer) -> tuple[str, bool] | None:
    """`question` or `answer` when one fills packets that do not pass between the nodes, and whether it ends in a packet
    that does; None when all of it passes.
    """
    here = Place(link.client.known.name, link.client.node)
    far = Place(link.server.known.name, link.server.node)
    question = sum(len(k) + len(v) + 4 for k, v in asked.headers.items()) + len(asked.path) + len(asked.host)
    if not world.faults.passes(here, far, OVERLAY, min(question, FULL) + ENVELOPE):
        return "question", question > FULL
    reply = len(answer[1]) + sum(len(k) + len(v) + 4 for k, v in answer[2].items())
    if not world.faults.passes(far, here, OVERLAY, min(reply, FULL) + ENVELOPE):
        return "answer", reply > FULL
    return None


async def _no_backend(
    world: World, known: View, client: Party, target: Target, asked: Asked, began: float
) -> RequestResult:
    """service-no-backend-response: reject. Refused at once; the agent reports the drop."""
    front = Party(target.ip, 2, ("reserved:world",))
    link = Connection(
        Observer(known, client.node), Observer(known, client.node), client, front, "TCP", _ephemeral(world),
        asked.port, OPEN, OPEN,
    )  # fmt: skip
    flow = events.drop(link.client, link.packet("SYN"), pb.EGRESS, pb.SERVICE_BACKEND_NOT_FOUND, 1337)
    await play(world, [(0.0, link.client, flow)], began)
    return await _end(world, asked, "refused", world.clock.monotonic() - asked.start + 0.0004)


async def _unanswered(world: World, link: Connection, asked: Asked, began: float) -> RequestResult:
    """SYNs until the caller's patience ends."""
    jitter = 0.005 + world.rng.random() * 0.025
    within = asked.limit - asked.spent
    share = world.faults.loss(link.client.known.name, link.server.known.name)
    steps = list(unanswered(link, within, jitter=jitter, lost=lambda: share > 0 and world.rng.random() < share))
    await play(world, [step for step in steps if step[0] <= within], began)
    play_on(world, [step for step in steps if step[0] > within], began)
    return await _end(world, asked, "timeout", asked.limit)


async def _answered(
    world: World, link: Connection, server: Party, ip: str, asked: Asked, began: float
) -> RequestResult:
    pod = server.pod_object or {}
    answer = servers.answer(world, pod, link.destination_port, asked.path, asked.method)
    if answer is None:
        last = await play(world, refusal(link), began)
        return await _end(world, asked, "refused", began - asked.start + last)
    url = f"http://{asked.host}{'' if asked.port == 80 else f':{asked.port}'}{asked.path}"
    steps, answer = gatekeep(link, list(http_exchange(link)), answer, asked.method, asked.path, url, asked.headers)
    stuck = _too_large(world, link, asked, answer)
    if steps and stuck:
        await play(world, unfinished(link, question=stuck[0] == "question", rest=stuck[1]), began)
        return await _end(world, asked, "timeout", asked.limit)
    late = _lost_later(world, link)
    taken = asked.spent + link.answered + late
    if steps and taken > asked.limit:
        await play(world, [*opening(link)], began)
        return await _end(world, asked, "timeout", asked.limit)
    await play(world, steps, began)
    status, body, headers = answer
    taken += 0.0006 + world.rng.random() * 0.0015
    return RequestResult("answered", status, body, headers, taken, link.source.ip, link.source_port, ip, asked.port)


async def _end(world: World, asked: Asked, kind: str, after: float) -> RequestResult:
    """End without an answer, `after` seconds from the start."""
    left = asked.start + min(after, asked.limit) - world.clock.monotonic()
    if left > 0:
        await world.clock.sleep(left)
    if after >= asked.limit:
        kind = "timeout"
    extra = 0.0002 + world.rng.random() * 0.0015 if kind == "timeout" else 0.0
    return RequestResult(kind, seconds=min(after, asked.limit) + extra)
