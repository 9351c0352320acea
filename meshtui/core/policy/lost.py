"""A drop whose peer is an address although it is a pod of the mesh: its identity did not come across.

That is how a broken mesh looks from the other side: packets arrive, the ipcache knows nothing of their source, and
policy sees `world` or the node it came through.
"""

from __future__ import annotations

from msgspec.structs import replace

from meshtui.core.flows.flow import FlowRow
from meshtui.core.model.meshes import groups, not_of_one_mesh
from meshtui.core.model.state import Mesh
from meshtui.core.policy.explain import Case, Explanation, case_of, explain_by_policy, without_policies
from meshtui.core.policy.model import Party
from meshtui.core.policy.parties import party
from meshtui.core.policy.rulebook import Rulebook

_STRANGERS = ("world", "world-ipv4", "world-ipv6", "remote-node", "unknown")


def pods_at(mesh: Mesh, ip: str) -> list[Party]:
    """The pods of all clusters that have an address, those of the host's network left out."""
    return [
        party(cluster, pod)
        for cluster in mesh.clusters.values()
        for pod in cluster.pods.values()
        if pod.status.pod_ip == ip and not pod.spec.host_network and pod.status.phase in ("", "Running")
    ]


def _meant(mesh: Mesh, case: Case) -> list[Party]:
    """The pods behind the peer's address, of clusters that the subject's may be in one mesh with."""
    here = mesh.clusters.get(case.subject.context)
    if here is None:
        return []
    meshes = groups(mesh)
    own = next((group for group in meshes if here.context in group), ())
    strangers = {context for group in meshes if own and group != own for context in group}
    found = [pod for pod in pods_at(mesh, case.peer.ip) if pod.context not in strangers]
    return [
        pod for pod in found if not not_of_one_mesh(here, mesh.clusters[pod.context]) or pod.context == here.context
    ]


def explain_flow(mesh: Mesh, row: FlowRow, *, book: Rulebook | None = None) -> Explanation:
    """Why a flow was dropped, from the policies of `book`, by default as they are NOW; an empty sentence for others."""
    book = book or Rulebook(mesh)
    told = explain_by_policy(mesh, row, book)
    if without_policies(row) is not None:
        return told
    case = case_of(mesh, row)
    return told_of_lost(mesh, case, book, told) if case.subject.context else told


def told_of_lost(mesh: Mesh, case: Case, book: Rulebook, told: Explanation) -> Explanation:
    """The explanation of a drop, with the pod behind the peer's address where policy saw none there."""
    seen = next((word for word in _STRANGERS if case.peer.labels.reserved(word)), "")
    found = _meant(mesh, case) if seen and case.peer.ip else []
    if len(found) != 1 or found[0].context == case.subject.context:
        return told
    (pod,) = found
    judged = replace(case, peer=pod).judge(book)
    by = ", ".join(policy.name for policy in judged.policies)
    allowed = f", which {by or 'policy'} would allow" if judged.allowed else ""
    sentence = (
        f"{case.peer.ip} is {pod.place}'s {pod.name}{allowed}, but {case.subject.place} saw it as {seen}: "
        "its identity did not come across"
    )
    look = f"look in an agent of {case.subject.place}: cilium-dbg bpf ipcache get {case.peer.ip}"
    # A rule that admitted the address would hide what is broken: nothing is to be added to the policies.
    return replace(told, sentence=sentence, fix="", notes=(*told.notes, f"as an address: {told.sentence}", look))
