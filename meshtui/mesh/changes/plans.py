"""Plans for a session: what would be written, before anybody consents to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from meshtui.core.changes import planning, policies, remedies
from meshtui.core.changes.plan import History, Plan
from meshtui.core.changes.planning import Ref
from meshtui.core.findings.model import Finding
from meshtui.core.flows.store import FlowStore
from meshtui.core.model.resources import Resource
from meshtui.core.model.state import Mesh


class Plans(Struct, frozen=True):
    """Makes plans from what is there now; `Session` says what each is."""

    mesh: Mesh
    history: History
    own_namespaces: Mapping[str, str]
    """Context → the namespace of what comes without one."""
    flows: FlowStore
    """What a change of policies is judged by: the connections seen of late."""

    def toggle(self, refs: Sequence[Ref], what: str) -> Plan:
        """As `Session.plan_toggle`."""
        return planning.toggle(self.mesh, refs, what)

    def annotation(self, refs: Sequence[Ref], what: str, value: str | None) -> Plan:
        """As `Session.plan_annotation`."""
        return planning.annotation(self.mesh, refs, what, value)

    def annotations(self, refs: Sequence[Ref], wanted: Mapping[str, str | None]) -> Plan:
        """As `Session.plan_annotations`."""
        return remedies.write(self.mesh, refs, wanted)

    def scale(self, context: str, namespace: str, name: str, replicas: int) -> Plan:
        """As `Session.plan_scale`."""
        return planning.scale(self.mesh, context, namespace, name, replicas)

    def apply(self, contexts: Sequence[str], manifests: Sequence[Mapping[str, Any]]) -> Plan:
        """As `Session.plan_apply`."""
        return policies.applied(self.mesh, contexts, manifests, self.own_namespaces, self.flows)

    def delete(self, context: str, resource: Resource, namespace: str, name: str) -> Plan:
        """As `Session.plan_delete`."""
        return planning.delete(self.mesh, context, resource, namespace, name)

    def fix(self, finding: Finding) -> Plan:
        """As `Session.plan_fix`."""
        return remedies.fix(self.mesh, finding)

    def drill(self, context: str, service_key: str) -> Plan:
        """As `Session.plan_drill`."""
        return remedies.drill(self.mesh, self.history, context, service_key)
