"""Which policies to apply, and where: the lab's own, or those of a file or directory."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any, ClassVar

from textual.binding import Binding, BindingType

from meshtui.core.errors import MeshtuiError
from meshtui.core.model.state import Mesh
from meshtui.mesh.changes.sources import read
from meshtui.tui.board import Board
from meshtui.tui.ports import SessionPort
from meshtui.tui.widgets.livelist import ListDialog
from meshtui.tui.widgets.paint import Line, Span, fit, safe, wrapped
from meshtui.tui.widgets.status import error_lines

Manifests = list[dict[str, Any]]


def lab_policies(mesh: Mesh) -> dict[str, Manifests]:
    """The lab's policies by title, written for the first cluster's x-wing."""
    from meshtui.lab.policies import policies

    first = next(iter(mesh.clusters.values()), None)
    return {title: [manifest] for title, manifest in policies(first.name).items()} if first else {}


class OffersDialog(ListDialog[None]):
    """Enter applies what is under the cursor, c changes the clusters it goes to, f offers a file's."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "apply", show=False),
        Binding("c", "target", show=False),
        Binding("f", "file", show=False),
    ]

    def __init__(self, board: Board, session: SessionPort) -> None:
        super().__init__()
        self.board, self.session = board, session
        self.offers: dict[str, Manifests] = lab_policies(session.mesh)
        self.aim = 0
        self.problem: MeshtuiError | None = None
        self.left_out = ""
        """What of the file that was read last is no policy."""

    @property
    def targets(self) -> list[str]:
        """Contexts an apply goes to."""
        contexts = list(self.session.mesh.clusters)
        return contexts if self.aim == 0 else [contexts[(self.aim - 1) % len(contexts)]]

    def refill(self) -> None:
        """Show what is offered, and where it goes."""
        lines: dict[Hashable, Sequence[Line]] = {}
        for name, manifests in self.offers.items():
            told = [str((m.get("spec") or {}).get("description") or m.get("kind", "")) for m in manifests]
            lines[name] = [[Span(f" {fit(safe(name), 32)} "), Span(safe(", ".join(told), 300), "dim")]]
        if self.problem is not None:
            lines["problem"] = error_lines(self.problem, max(40, self.list.size.width))
        if self.left_out:
            width = max(40, self.list.size.width - 2)
            lines["left out"] = [[Span(f" {line}", "warn")] for line in wrapped(safe(self.left_out, 400), width)]
        self.list.fill(lines)
        names = "all clusters" if self.aim == 0 else safe(self.session.mesh.clusters[self.targets[0]].name)
        self._box.border_title = self.entitle(f"Apply to {names}")
        self._box.border_subtitle = self.entitle("enter applies · c cluster · f file or directory · esc closes")

    def action_target(self) -> None:
        """Aim at all clusters, or at each in turn."""
        self.aim = (self.aim + 1) % (len(self.session.mesh.clusters) + 1)
        self.refill()

    def action_apply(self) -> None:
        """Plan it; consent is asked as for any change."""
        manifests, contexts = self.offers.get(str(self.list.selected)), self.targets
        if manifests is None:
            return
        self.dismiss(None)
        self.board.change(lambda session: session.plan_apply(contexts, manifests))

    def action_file(self) -> None:
        """Offer the policies of a file or a directory."""

        def take(text: str) -> None:
            if not text.strip():
                return
            path = Path(text.strip()).expanduser()
            try:
                found = read(path)
            except MeshtuiError as error:
                self.problem = error
                self.refill()
                return
            self.problem = None
            self.left_out = found.told
            self.offers = {path.name: found.policies, **self.offers}
            self.refill()
            self.list.do_top()

        self.board.ask_filter("", "path of a YAML file or a directory with policies", take)
