"""One service over all clusters: a row with a cell for each cluster."""

from __future__ import annotations

from msgspec import Struct

from meshtui.core.routing import annotations as a


def rank(key: str) -> int:
    """0 for what people deployed, more for what belongs to Kubernetes or Cilium: the latter are listed last."""
    namespace = key.partition("/")[0]
    return 2 if namespace.startswith(("kube-", "cilium")) else 1 if key == "default/kubernetes" else 0


class Cell(Struct, frozen=True):
    """A service in one cluster. Everything but `context` and `known` is at its default where it is missing."""

    context: str
    present: bool = False
    known: bool = True
    """False while the cluster's services have not been listed yet."""
    counted: bool = True
    """False while the cluster's endpoints have not been listed yet."""
    effective: a.Effective | None = None
    ready: int = 0
    total: int = 0
    kind: str = ""
    """ClusterIP, NodePort, LoadBalancer, ExternalName or Headless."""
    ports: str = ""
    """`80/TCP, http 8080/TCP`."""

    @property
    def fault(self) -> bool:
        """Not all endpoints ready, an unreadable affinity, or global without any endpoint of its own."""
        if not self.present or self.effective is None:
            return False
        starving = self.effective.global_ and self.total == 0
        return self.ready < self.total or starving or self.effective.affinity is a.Affinity.DROPS_REMOTE


class Row(Struct, frozen=True):
    """One service over all clusters; `cells` in the mesh's order."""

    key: str
    cells: tuple[Cell, ...]

    @property
    def namespace(self) -> str:
        """The namespace of `key`."""
        return self.key.partition("/")[0]

    @property
    def name(self) -> str:
        """The name of `key`."""
        return self.key.partition("/")[2]

    @property
    def system(self) -> bool:
        """Whether it belongs to Kubernetes or Cilium rather than to what people deployed."""
        return rank(self.key) > 0

    @property
    def present(self) -> tuple[Cell, ...]:
        """Cells of clusters that have the service."""
        return tuple(cell for cell in self.cells if cell.present)

    @property
    def meshed(self) -> bool:
        """Global anywhere, or written to be."""
        return any(cell.effective.meant for cell in self.cells if cell.effective is not None)

    @property
    def fault(self) -> bool:
        """Any cell's fault, or global in one of several clusters only."""
        globals_ = sum(cell.effective.global_ for cell in self.cells if cell.effective is not None)
        return any(cell.fault for cell in self.cells) or (globals_ == 1 and len(self.cells) > 1)

    @property
    def ready(self) -> int:
        """Ready endpoints of all clusters."""
        return sum(cell.ready for cell in self.cells)

    @property
    def total(self) -> int:
        """Endpoints of all clusters."""
        return sum(cell.total for cell in self.cells)
