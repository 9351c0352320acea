"""One fault: its name and parameters, and whom it concerns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """One active fault."""

    name: str
    values: tuple[tuple[str, Any], ...] = ()

    def get(self, key: str, default: Any = None) -> Any:
        """A parameter."""
        return dict(self.values).get(key, default)

    def text(self, key: str, default: str = "") -> str:
        """A parameter as text."""
        return str(self.get(key, default))

    def number(self, key: str, default: float) -> float:
        """A parameter as a number."""
        return float(self.get(key, default))

    def as_dict(self) -> Object:
        """As `inject` takes it."""
        return {"fault": self.name, **{k: list(v) if isinstance(v, tuple) else v for k, v in self.values}}

    def about(self, cluster: str) -> bool:
        """Whether it concerns a cluster; without `cluster` it concerns all."""
        return self.get("cluster") in (None, cluster)

    def hits_node(self, node: str) -> bool:
        """Whether it concerns a node; without `node` it concerns all of the cluster."""
        return self.get("node") in (None, node)

    def between(self, one: str, other: str) -> bool:
        """Whether it concerns packets between two clusters; without `between`, every pair."""
        pair = self.get("between")
        return one != other and (pair is None or {one, other} == set(pair))

    def way(self, source: str, destination: str) -> bool:
        """Whether it concerns packets from one cluster to another; without `from` or `to`, whichever."""
        wanted = self.get("from") in (None, source) and self.get("to") in (None, destination)
        return source != destination and wanted

    def covers(self, verb: str, resource: str) -> bool:
        """Whether a request is meant; without verb or resource, every one."""
        return self.get("verb") in (None, "*", verb) and self.get("resource") in (None, "*", resource)
