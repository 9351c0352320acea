"""What a verdict and a finding say: the policy that denies, the controllers that fail, the peer a Relay waits for."""

from __future__ import annotations

from copy import deepcopy

import msgspec
from msgspec.structs import replace

from meshtui.core.findings.broken import finding_of
from meshtui.core.health.model import Cause, Source, Verdict
from meshtui.core.health.words import headline
from meshtui.core.model import state as s
from meshtui.core.model.ciliumstatus import Controller, ControllerStatus
from meshtui.core.model.reduce import reduce
from tests.agreement.health.embedded import SERVICE, Embedded

PAIR = "koornacht ⇄ tion"
DENY = {
    "apiVersion": "cilium.io/v2",
    "kind": "CiliumNetworkPolicy",
    "metadata": {"name": "default-deny", "namespace": "default"},
    "spec": {"endpointSelector": {}, "ingress": [{}]},
}


async def test_a_denied_service_names_the_policy_and_where() -> None:
    async with Embedded().running() as it:
        await it.go(30)
        for cluster in it.world.clusters.values():
            cluster.store.create(("cilium.io", "ciliumnetworkpolicies"), deepcopy(DENY))
        began = it.clock.now()
        await it.go(75)
        health = it.latest.service(SERVICE)
        assert health.verdict is Verdict.FAILING, it.told()
        assert health.words.startswith("all requests denied (default-deny in koornacht and tion), "), health.words
        assert health.failed >= 2
        (trouble,) = [t for t in it.latest.troubles if t.cause is Cause.SERVICE_DENIED]
        assert began - 2 <= trouble.since <= began + 10
        assert "default-deny" in finding_of(trouble).sentence
        assert it.judge.rules() is it.judge.rules(), "policies are compiled once"
        await it.go(4)


async def test_what_policies_would_deny_is_failing_before_anybody_asks_and_told_apart_from_what_is_seen() -> None:
    async with Embedded(requests=False).running() as it:
        await it.go(30)
        assert it.latest.service(SERVICE).verdict is Verdict.UNKNOWN, "nobody asked, nothing is claimed against it"
        for cluster in it.world.clusters.values():
            cluster.store.create(("cilium.io", "ciliumnetworkpolicies"), deepcopy(DENY))
        began = it.clock.now()
        await it.go(4)
        health = it.latest.service(SERVICE)
        assert health.verdict is Verdict.FAILING, it.told()
        assert health.words == "all requests would be denied (default-deny in koornacht and tion)"
        assert [(c.source, c.passed) for c in health.claims] == [(Source.POLICIES, False)]
        assert health.observations == ()
        (trouble,) = [t for t in it.latest.troubles if t.cause is Cause.SERVICE_DENIED]
        assert began <= trouble.since <= began + 4
        assert "would be denied" in trouble.sentence
        assert headline(it.latest, {name: name for name in it.world.clusters})[1] == "1 service failing"
        it.requests = True
        await it.go(40)
        health = it.latest.service(SERVICE)
        assert health.words.startswith("all requests denied (default-deny in koornacht and tion), "), health.words
        assert health.claims[0].text == "all requests would be denied (default-deny in koornacht and tion)"
        assert all(each.source is Source.FLOWS for each in health.observations)
        for cluster in it.world.clusters.values():
            cluster.store.delete(("cilium.io", "ciliumnetworkpolicies"), "default", "default-deny")
        await it.go(40)
        assert it.found == {}, it.told()
        assert it.latest.service(SERVICE).claims == ()


async def test_only_one_clusters_clients_are_denied_and_the_others_are_said_to_get_through() -> None:
    deny = {**DENY, "spec": {"endpointSelector": {}, "egress": [{"toEndpoints": [{"matchLabels": {"nobody": "is"}}]}]}}
    async with Embedded(requests=False).running() as it:
        await it.go(10)
        for namespace in ("default",):
            policy = deepcopy(deny)
            policy["metadata"] = {"name": "locked", "namespace": namespace}
            it.world.clusters["koornacht"].store.create(("cilium.io", "ciliumnetworkpolicies"), policy)
        await it.go(4)
        health = it.latest.service(SERVICE)
        assert health.verdict is Verdict.FAILING, it.told()
        assert "all of koornacht's requests would" in health.words
        assert "(locked in koornacht)" in health.words
        (trouble,) = [t for t in it.latest.troubles if t.cause is Cause.SERVICE_DENIED]
        assert trouble.still == "requests of tion's clients"


async def test_a_service_that_one_other_workload_may_reach_is_not_foreseen_to_fail() -> None:
    """The load test's client is refused, and that is meant: others are let in."""
    meant = deepcopy(DENY)
    allowed = {"matchLabels": {"k8s:io.kubernetes.pod.namespace": "guests", "app": "guest"}}
    meant["spec"] = {"endpointSelector": {}, "ingress": [{"fromEndpoints": [allowed]}]}
    async with Embedded(requests=False).running() as it:
        await it.go(10)
        for cluster in it.world.clusters.values():
            cluster.store.create(("cilium.io", "ciliumnetworkpolicies"), deepcopy(meant))
        await it.go(4)
        assert it.latest.service(SERVICE).verdict is Verdict.FAILING, "there is no such workload"
        for cluster in it.world.clusters.values():
            (like,) = [p for p in cluster.store.list(("", "pods"), "default") if "x-wing" in p["metadata"]["name"]][:1]
            guest = deepcopy(like)
            guest["metadata"] = {"name": "guest", "namespace": "guests", "labels": {"app": "guest"}}
            guest["status"]["podIP"] = f"10.{cluster.id}.9.9"
            cluster.store.create(("", "pods"), guest)
        await it.go(4)
        assert it.latest.service(SERVICE).verdict is Verdict.UNKNOWN, it.told()


def failing(failures: int, name: str) -> list[Controller]:
    return [Controller(name, ControllerStatus(failures, failures, "map is full"))]


async def test_controllers_that_go_on_failing_are_a_finding_of_their_own() -> None:
    async with Embedded().running() as it:
        await it.go(150, 5.0)
        node = sorted(it.mesh.clusters["koornacht"].nodes)[0]

        async def told(failures: int, seconds: int, name: str = "sync-policymap-77") -> None:
            it._due["koornacht", f"agent {node}"] = float("inf")
            for _ in range(seconds // 2):
                status = msgspec.structs.replace(
                    it.mesh.clusters["koornacht"].agents[node], controllers=failing(failures, name)
                )
                reduce(it.mesh, s.AgentRead("koornacht", node, status, at=it.clock.now()))
                await it.go(2)

        await told(3, 40)
        assert it.found == {}, "a few failures mend themselves"
        await told(40, 40, "remote-etcd-tion-cluster-config")
        assert it.found == {}, "its link says that"
        await told(40, 10)
        assert it.found == {}, "not at once"
        await told(40, 30)
        assert it.found == {Cause.CONTROLLERS_FAILING: f"koornacht/{node}"}, it.told()
        (trouble,) = it.latest.troubles
        assert "sync-policymap-77" in trouble.sentence
        assert "map is full" in trouble.sentence
        assert trouble.still
        assert "cilium-dbg status --all-controllers" in trouble.command
        await told(0, 3)
        assert it.found == {}


async def test_a_relay_held_up_by_a_peer_is_well_and_names_the_peer() -> None:
    async with Embedded().running() as it:
        await it.go(150, 5.0)
        it.mesh.clusters["koornacht"].relay = replace(it.mesh.clusters["koornacht"].relay, held_up=True)
        await it.go(6)
        assert it.found == {}, "a Relay may take a moment"
        await it.go(10)
        assert it.found == {Cause.RELAY_HELD_UP: "koornacht/hubble-relay"}, it.told()
        assert "Relay is well" in it.latest.troubles[0].sentence
        it.break_("link-cut")
        await it.go(16)
        assert it.found == {Cause.LINK_CUT: PAIR}, it.told()
        (held,) = [t for t in it.latest.troubles if t.cause is Cause.RELAY_HELD_UP]
        assert "waits for tion" in held.sentence
        assert held.because is Cause.LINK_CUT
        it.mesh.clusters["koornacht"].relay = replace(it.mesh.clusters["koornacht"].relay, held_up=False)
        await it.go(2)
        assert [t for t in it.latest.troubles if t.cause is Cause.RELAY_HELD_UP] == []
