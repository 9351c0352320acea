"""The recorded steps as a specification: what each looks like to someone with kubectl, cilium, curl and hubble."""

from __future__ import annotations

from meshtui.sim import agents
from meshtui.sim.relay import serving
from tests.sim.spec.step import Step
from tests.sim.spec.stories import (
    ALLOWED_HERE,
    ALLOWED_THERE,
    ANSWERED_HERE,
    ANSWERED_THERE,
    LOST_ON_THE_WAY,
    PLAIN_LOOKUP,
    PROBED,
    PROBED_UNDER_POLICY,
    PROXIED_LOOKUP,
    REFUSED_COMING_IN,
    REFUSED_GOING_OUT,
)

K, T = "koornacht", "tion"
EGRESS = f"{K} ciliumnetworkpolicies default/x-wing-to-rebel-base"
INGRESS = "ciliumnetworkpolicies default/rebel-base-from-x-wing"
NO_POLICIES = tuple(f"{cluster} ciliumnetworkpolicies default/default-deny" for cluster in (K, T))
AFFINITY_REMOTE = (*NO_POLICIES, f"{K} services default/rebel-base")


def ready_nodes(step: Step) -> set[str]:
    """The status of condition Ready of all nodes."""
    nodes = [n for c in step.clusters for n in c.store.list(("", "nodes"))]
    return {c["status"] for n in nodes for c in n["status"]["conditions"] if c["type"] == "Ready"}


def unmeshed(step: Step) -> None:
    """No cluster knows of another."""
    for cluster in step.clusters:
        status = agents.agent_status(step.world, cluster, f"{cluster.name}-control-plane")
        assert "cluster-mesh" not in status
        assert agents.kvstoremesh_status(step.world, cluster) == []


def test_0_no_cni() -> None:
    """Two clusters without a CNI: nodes are NotReady, and nothing of Cilium is there."""
    step = Step("0-no-cni")
    step.objects()
    assert ready_nodes(step) == {"False"}
    assert not any(c.store.list(("cilium.io", "ciliumnodes")) for c in step.clusters)
    assert [serving.start(step.world, c) for c in step.clusters] == [0, 0]


def test_1_cilium() -> None:
    """Cilium is installed: nodes are Ready, no Relay, no mesh."""
    step = Step("1-cilium")
    step.objects()
    assert ready_nodes(step) == {"True"}
    unmeshed(step)
    assert [serving.start(step.world, c) for c in step.clusters] == [0, 0]


def test_2_mesh_enabled() -> None:
    """Hubble and Cluster Mesh are enabled, not connected: Relays are deployed, the mesh Secrets are empty."""
    step = Step("2-mesh-enabled")
    step.objects()
    unmeshed(step)
    for cluster in step.clusters:
        assert cluster.store.get(("apps", "deployments"), "kube-system", "hubble-relay")
        assert cluster.store.get(("apps", "deployments"), "kube-system", "clustermesh-apiserver")


def test_3_deployed() -> None:
    """Connected, the application deployed, nothing annotated: each cluster answers itself."""
    step = Step("3-deployed")
    step.objects()
    step.annotations(koornacht="", tion="")
    step.policies(koornacht="", tion="")
    step.reports_agree()
    step.answers(koornacht="Koornacht", tion="Tion")
    step.flows_are_as_recorded()
    step.lookups(PLAIN_LOOKUP)
    step.request(K, K, ANSWERED_HERE)
    step.request(T, T, ANSWERED_HERE)
    step.probes(PROBED)


def test_4_global() -> None:
    """`global=true` in both: both answer both."""
    step = Step("4-global")
    step.objects()
    step.annotations(koornacht="global=true", tion="global=true")
    step.policies(koornacht="", tion="")
    step.reports_agree()
    step.answers(koornacht="Koornacht Tion", tion="Koornacht Tion")
    step.flows_are_as_recorded()
    step.lookups(PLAIN_LOOKUP)
    step.request(K, K, ANSWERED_HERE)
    step.request(K, T, ANSWERED_THERE)
    step.request(T, K, ANSWERED_THERE)
    step.request(T, T, ANSWERED_HERE)
    step.probes(PROBED)


def test_5_tion_shared_false() -> None:
    """Tion does not share: Koornacht is alone with its own, Tion still uses both."""
    step = Step("5-tion-shared-false")
    step.objects(like="4-global", but=("tion services default/rebel-base",))
    step.annotations(koornacht="global=true", tion="global=true shared=false")
    step.policies(koornacht="", tion="")
    step.reports_agree()
    step.answers(koornacht="Koornacht", tion="Koornacht Tion")
    step.flows_are_as_recorded()
    step.lookups(PLAIN_LOOKUP)
    step.request(K, K, ANSWERED_HERE)
    step.request(T, K, ANSWERED_THERE)
    step.request(T, T, ANSWERED_HERE)
    step.probes(PROBED)


def test_6_affinity_local() -> None:
    """Koornacht prefers its own; it says nothing about Tion's clients."""
    step = Step("6-affinity-local")
    step.objects(like="4-global", but=("koornacht services default/rebel-base",))
    step.annotations(koornacht="global=true affinity=local", tion="global=true")
    step.policies(koornacht="", tion="")
    step.reports_agree()
    step.answers(koornacht="Koornacht", tion="Koornacht Tion")
    step.flows_are_as_recorded()
    step.lookups(PLAIN_LOOKUP)
    step.request(K, K, ANSWERED_HERE)
    step.request(T, K, ANSWERED_THERE)
    step.request(T, T, ANSWERED_HERE)
    step.probes(PROBED)


def test_7_failover_local_0() -> None:
    """Koornacht's rebel-base is scaled to 0, affinity still local: Tion answers everybody."""
    step = Step("7-failover-local-0")
    step.objects()
    step.annotations(koornacht="global=true affinity=local", tion="global=true")
    step.policies(koornacht="", tion="")
    step.reports_agree()
    step.answers(koornacht="Tion", tion="Tion")
    step.flows_are_as_recorded()
    step.lookups(PLAIN_LOOKUP)
    step.request(K, T, ANSWERED_THERE)
    step.request(T, T, ANSWERED_HERE)
    step.probes(PROBED, T)


def test_8_affinity_remote() -> None:
    """Scaled back to 2, other pods than before; Koornacht now prefers the others."""
    step = Step("8-affinity-remote")
    step.objects(like="10-default-deny", but=AFFINITY_REMOTE)
    step.annotations(koornacht="global=true affinity=remote", tion="global=true")
    step.policies(koornacht="", tion="")
    step.reports_agree()
    step.answers(koornacht="Tion", tion="Koornacht Tion")
    step.flows_are_as_recorded()
    step.lookups(PLAIN_LOOKUP)
    step.request(K, T, ANSWERED_THERE)
    step.request(T, K, ANSWERED_THERE)
    step.request(T, T, ANSWERED_HERE)
    step.probes(PROBED)


def test_9_no_affinity() -> None:
    """Without affinity it is as in step 4, but for Koornacht's new pods."""
    step = Step("9-no-affinity")
    step.objects(like="10-default-deny", but=NO_POLICIES)
    step.annotations(koornacht="global=true", tion="global=true")
    step.policies(koornacht="", tion="")
    step.reports_agree()
    step.answers(koornacht="Koornacht Tion", tion="Koornacht Tion")
    step.flows_are_as_recorded()
    step.lookups(PLAIN_LOOKUP)
    step.request(K, K, ANSWERED_HERE)
    step.request(K, T, ANSWERED_THERE)
    step.request(T, K, ANSWERED_THERE)
    step.request(T, T, ANSWERED_HERE)
    step.probes(PROBED)


def test_10_default_deny() -> None:
    """`default-deny` in both: every SYN is refused where it starts, and again a second later; probes go on."""
    step = Step("10-default-deny")
    step.objects()
    step.annotations(koornacht="global=true", tion="global=true")
    step.policies(koornacht="default-deny", tion="default-deny")
    step.reports_agree()
    step.answers(koornacht="timeout", tion="timeout")
    step.flows_are_as_recorded()
    step.lookups(PROXIED_LOOKUP)
    step.request(K, K, REFUSED_GOING_OUT)
    step.request(K, T, REFUSED_GOING_OUT)
    step.request(T, K, REFUSED_GOING_OUT)
    step.request(T, T, REFUSED_GOING_OUT)
    step.probes(PROBED_UNDER_POLICY)


def test_11_egress_allowed() -> None:
    """Koornacht's x-wing may reach rebel-base, in its own cluster only; rebel-base does not let it in."""
    step = Step("11-egress-allowed")
    step.objects(like="10-default-deny", but=(EGRESS,))
    step.annotations(koornacht="global=true", tion="global=true")
    step.policies(koornacht="default-deny x-wing-to-rebel-base", tion="default-deny")
    step.reports_agree()
    step.answers(koornacht="timeout", tion="timeout")
    step.flows_are_as_recorded()
    step.lookups(PROXIED_LOOKUP)
    step.request(K, K, REFUSED_COMING_IN)
    step.request(K, T, REFUSED_GOING_OUT)
    step.request(T, K, REFUSED_GOING_OUT)
    step.request(T, T, REFUSED_GOING_OUT)
    step.probes(PROBED_UNDER_POLICY)


def test_12_ingress_koornacht() -> None:
    """Koornacht's rebel-base lets x-wing in: inside Koornacht requests go through."""
    step = Step("12-ingress-koornacht")
    step.objects(like="10-default-deny", but=(EGRESS, f"{K} {INGRESS}"))
    step.annotations(koornacht="global=true", tion="global=true")
    step.policies(koornacht="default-deny rebel-base-from-x-wing x-wing-to-rebel-base", tion="default-deny")
    step.reports_agree()
    step.answers(koornacht="Koornacht timeout", tion="timeout")
    step.flows_are_as_recorded()
    step.lookups(PROXIED_LOOKUP)
    step.request(K, K, ALLOWED_HERE)
    step.request(K, T, REFUSED_GOING_OUT)
    step.request(T, K, REFUSED_GOING_OUT)
    step.request(T, T, REFUSED_GOING_OUT)
    step.probes(PROBED_UNDER_POLICY)


def test_13_ingress_tion() -> None:
    """Tion's rebel-base lets x-wing in, and that changes nothing: a selector without a cluster means its own."""
    step = Step("13-ingress-tion")
    step.objects(like="10-default-deny", but=(EGRESS, f"{K} {INGRESS}", f"{T} {INGRESS}"))
    step.annotations(koornacht="global=true", tion="global=true")
    step.policies(
        koornacht="default-deny rebel-base-from-x-wing x-wing-to-rebel-base", tion="default-deny rebel-base-from-x-wing"
    )
    step.reports_agree()
    step.answers(koornacht="Koornacht timeout", tion="timeout")
    step.flows_are_as_recorded()
    step.lookups(PROXIED_LOOKUP)
    step.request(K, K, ALLOWED_HERE)
    step.request(K, T, REFUSED_GOING_OUT)
    step.request(T, K, REFUSED_GOING_OUT)
    step.request(T, T, REFUSED_GOING_OUT)
    step.probes(PROBED_UNDER_POLICY)


def test_14_egress_any_cluster() -> None:
    """The egress rule names any cluster: Koornacht's x-wing reaches both, Tion's still nobody."""
    step = Step("14-egress-any-cluster")
    step.objects()
    step.annotations(koornacht="global=true", tion="global=true")
    step.policies(
        koornacht="default-deny rebel-base-from-x-wing x-wing-to-rebel-base", tion="default-deny rebel-base-from-x-wing"
    )
    step.reports_agree()
    step.answers(koornacht="Koornacht Tion", tion="timeout")
    step.flows_are_as_recorded()
    step.lookups(PROXIED_LOOKUP)
    step.request(K, K, ALLOWED_HERE)
    step.request(K, T, ALLOWED_THERE)
    step.request(T, K, REFUSED_GOING_OUT)
    step.request(T, T, REFUSED_GOING_OUT)
    step.probes(PROBED_UNDER_POLICY)


def test_15_link_cut() -> None:
    """Nothing passes between the nodes: every status says ready, only health and the requests tell."""
    step = Step("15-link-cut")
    step.objects(like="14-egress-any-cluster")
    step.annotations(koornacht="global=true", tion="global=true")
    step.policies(
        koornacht="default-deny rebel-base-from-x-wing x-wing-to-rebel-base", tion="default-deny rebel-base-from-x-wing"
    )
    step.reports_agree(link=False, tables=False)
    step.answers(koornacht="Koornacht timeout", tion="timeout")
    step.lookups(PROXIED_LOOKUP)
    step.request(K, K, ALLOWED_HERE)
    step.request(K, T, LOST_ON_THE_WAY)
    step.request(T, K, REFUSED_GOING_OUT)
    step.request(T, T, REFUSED_GOING_OUT)
    step.probes(PROBED_UNDER_POLICY)


def test_16_link_restored() -> None:
    """The cut is healed: as in step 14."""
    step = Step("16-link-restored")
    step.objects(like="14-egress-any-cluster")
    step.annotations(koornacht="global=true", tion="global=true")
    step.policies(
        koornacht="default-deny rebel-base-from-x-wing x-wing-to-rebel-base", tion="default-deny rebel-base-from-x-wing"
    )
    step.reports_agree()
    step.answers(koornacht="Koornacht Tion", tion="timeout")
    step.flows_are_as_recorded()
    step.lookups(PROXIED_LOOKUP)
    step.request(K, K, ALLOWED_HERE)
    step.request(K, T, ALLOWED_THERE)
    step.request(T, K, REFUSED_GOING_OUT)
    step.request(T, T, REFUSED_GOING_OUT)
    step.probes(PROBED_UNDER_POLICY)
