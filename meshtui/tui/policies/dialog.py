"""The policies of all clusters, and the ways to apply and delete them: the lab's own, or a file's."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from meshtui.core.errors import MeshtuiError
from meshtui.core.model import resources as r
from meshtui.tui.board import Board
from meshtui.tui.policies import rows
from meshtui.tui.policies.manifests import from_file, lab_policies
from meshtui.tui.ports import SessionPort
from meshtui.tui.widgets.dialog import Dialog
from meshtui.tui.widgets.lines import LineView
from meshtui.tui.widgets.paint import Line


class PolicyList(LineView):
    """Policies in place, then those that could be applied."""

    rests = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "step(1)", show=False),
        Binding("up,k", "step(-1)", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.rows: Mapping[Hashable, Line] = {}

    def item_lines(self, key: Hashable, width: int) -> Sequence[Line]:
        """One policy."""
        return [self.rows.get(key, ())]

    def action_step(self, by: int) -> None:
        """Move the cursor past headings."""
        at = self.cursor + by
        while 0 < at < len(self.items) - 1 and not rows.is_choice(self.items[at]):
            at += by
        self.move_to(at)


class PoliciesDialog(Dialog[None]):
    """Enter applies what is under the cursor to the target, x deletes it, c changes the target, f reads a file."""

    AUTO_FOCUS = "PolicyList"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "apply", show=False),
        Binding("x,delete", "remove", show=False),
        Binding("c", "target", show=False),
        Binding("f", "file", show=False),
    ]

    def __init__(self, board: Board, session: SessionPort) -> None:
        super().__init__()
        self.board = board
        self.session = session
        self.offers: dict[str, list[dict[str, Any]]] = lab_policies(session.mesh)
        self.aim = 0
        self.list = PolicyList()
        self._box = Vertical(self.list, classes="dialog -policies")

    def compose(self) -> ComposeResult:
        """The list in a frame."""
        yield self._box

    def on_mount(self) -> None:
        """Fill it, and keep it up to date with the watch."""
        self.list.show((), None)
        self.call_after_refresh(self.refill)
        self.board.listeners.add(self.refill)

    def on_unmount(self) -> None:
        """Stop listening."""
        self.board.listeners.discard(self.refill)

    @property
    def targets(self) -> list[str]:
        """Contexts an apply goes to."""
        contexts = list(self.session.mesh.clusters)
        return contexts if self.aim == 0 else [contexts[(self.aim - 1) % len(contexts)]]

    def refill(self) -> None:
        """Show what is in place now."""
        mesh = self.session.mesh
        lines = rows.policy_rows(mesh, self.offers, max(20, self.list.size.width))
        self.list.rows = dict(lines)
        self.list.show([key for key, _ in lines])
        selected = self.list.selected
        if selected is not None and not rows.is_choice(selected):
            self.list.action_step(1)
        names = "all clusters" if self.aim == 0 else mesh.clusters[self.targets[0]].name
        self._box.border_title = self.entitle(f"Policies ─ apply to {names}")
        self._box.border_subtitle = self.entitle("enter applies · x deletes · c cluster · f file · esc closes")

    def action_target(self) -> None:
        """Aim at all clusters, or at each in turn."""
        self.aim = (self.aim + 1) % (len(self.session.mesh.clusters) + 1)
        self.refill()

    def action_apply(self) -> None:
        """Apply the offered policy under the cursor to the target."""
        key = self.list.selected
        if not isinstance(key, tuple) or key[0] != "offer":
            self.board.say("the cursor is not on a policy that can be applied", "warn", "!")
            return
        manifests, contexts = self.offers[str(key[1])], self.targets
        self.board.change(lambda session: session.plan_apply(contexts, manifests))

    def action_remove(self) -> None:
        """Delete the policy under the cursor from its cluster."""
        key = self.list.selected
        if not isinstance(key, tuple) or key[0] != "policy":
            self.board.say("the cursor is not on a policy that is in place", "warn", "!")
            return
        context, resource, namespace, name = key[1], r.BY_PLURAL[key[2]], key[3], key[4]
        self.board.change(lambda session: session.plan_delete(context, resource, namespace, name))

    def action_file(self) -> None:
        """Offer the manifests of a file."""

        def take(text: str) -> None:
            if not text.strip():
                return
            path = Path(text.strip()).expanduser()
            try:
                self.offers = {**self.offers, path.name: from_file(path)}
            except MeshtuiError as error:
                self.board.tell(error)
                return
            self.refill()

        self.board.ask_filter("", "path of a YAML file with policies", take)
