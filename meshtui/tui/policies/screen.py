"""The policies of all clusters on the whole screen: a row per name, and in words what the cursor is on."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical

from meshtui.core.apart import ShortNames
from meshtui.core.changes import policies
from meshtui.core.changes.manifests import parse as parse_manifests
from meshtui.core.errors import MeshtuiError
from meshtui.core.model.manifest import as_manifest, written
from meshtui.core.model.state import Delta
from meshtui.core.policy.listing import Order, ordered, parse
from meshtui.core.policy.overview import Overview, PolicyRow, json_of
from meshtui.core.policy.workload import selected
from meshtui.tui.board import Board
from meshtui.tui.clipboard import copy
from meshtui.tui.policies import rows
from meshtui.tui.policies.detail import PolicyDetail
from meshtui.tui.policies.editing import as_yaml, edited
from meshtui.tui.policies.offers import OffersDialog
from meshtui.tui.ports import SessionPort
from meshtui.tui.widgets import status
from meshtui.tui.widgets.dialog import Dialog, LineText
from meshtui.tui.widgets.itemlist import ItemList
from meshtui.tui.widgets.paint import Line, Span, safe
from meshtui.tui.widgets.pane import bindings
from meshtui.tui.widgets.textdialog import TextDialog

KEYS = "enter details · a apply · x delete · e edit · u undo · w workload · / filter · o order · y copy · esc"
FEWER_KEYS = "enter details · a apply · x delete · e edit · u undo · / filter · ? keys · esc"
EXAMPLES = (
    ("is:differs", "says something else in some cluster; also missing, refused, present, unused"),
    ("in:tion", "is there"), ("closes:egress", "switches default deny on"), ("kind:ccnp ns:default", "and so on"),
    ("!kube-dns", "does not mention it"),
)  # fmt: skip


class PolicyList(ItemList):
    """Rows are painted when they come into sight: there may be thousands."""

    def __init__(self, screen: PoliciesScreenPort) -> None:
        super().__init__()
        self.of = screen

    @property
    def headed(self) -> bool:
        """The columns' names stay on top."""
        return True

    def item_lines(self, key: Hashable, width: int) -> Sequence[Line]:
        """One policy, or the heads."""
        return [self.of.line(key, width)]


class PoliciesScreenPort:
    """What the list asks."""

    def line(self, key: Hashable, width: int) -> Line:
        """The line of an item."""
        raise NotImplementedError


class PoliciesScreen(Dialog[None], PoliciesScreenPort):
    """Kept up to date with the watches while it is open."""

    AUTO_FOCUS = "PolicyList"
    BINDINGS: ClassVar[list[BindingType]] = bindings("policies")

    def __init__(self, board: Board, session: SessionPort) -> None:
        super().__init__()
        self.board, self.session = board, session
        self.overview = Overview(session.mesh)
        self.filter = ""
        self.drafts: dict[Hashable, str] = {}
        """What was edited and could not be applied."""
        self.stale = False
        """Whether something shown may be another."""
        self._old = ""
        """Which clusters' policies are shown as they were."""
        self.sort, self.backwards = Order.NAME, False
        self.shown: dict[Hashable, PolicyRow] = {}
        self.names = ShortNames(())
        self._stop = session.subscribe(self._note)
        self.list = PolicyList(self)
        self.told = LineText(())
        self.said = LineText(())
        """The dashboard's message line, which this screen covers."""
        self.said.can_focus = False
        self.said.add_class("said")
        self._box = Vertical(self.list, self.told, self.said, classes="dialog -whole")

    def compose(self) -> ComposeResult:
        """The list and, below it, the words."""
        yield self._box

    def on_mount(self) -> None:
        """Fill it, and again whenever the mesh changes."""
        self.call_after_refresh(self.refill)
        self.board.listeners.add(self.keep_up)
        self.board.message.heard.add(self.hear)

    def on_unmount(self) -> None:
        """Stop listening."""
        self.board.listeners.discard(self.keep_up)
        self.board.message.heard.discard(self.hear)
        self._stop()

    def hear(self) -> None:
        """Something was said."""
        self.said.set_lines(self.board.message.content(max(20, self.size.width - 4)))

    def keep_up(self) -> None:
        """After a change of anything: made anew only where policies, or whom they select, are others."""
        old = rows.stale(self.session.mesh, self.board.clock.now())
        if self.stale or old != self._old:
            self.refill()

    def _note(self, delta: Delta) -> None:
        self.stale = self.overview.note(delta) or self.stale

    def on_resize(self) -> None:
        """Lines depend on the width."""
        self.call_after_refresh(self.refill)

    def refill(self) -> None:
        """Show what is there now; rows whose policies and pods did not change are not made again."""
        self.stale = False
        wanted = parse(self.filter)
        found = [row for row in self.overview.rows() if wanted(row)]
        self.shown = {row.key: row for row in ordered(found, self.sort, backwards=self.backwards)}
        self.names = ShortNames([row.text for row in self.shown.values()])
        self.list.show(["head", *self.shown])
        if self.list.cursor == 0 and self.shown:
            self.list.move_to(1)
        narrowed = f" ─ {self.filter}" if self.filter else ""
        turned = " ↑" if self.backwards else ""
        self._old = rows.stale(self.session.mesh, self.board.clock.now())
        old = f" ─ {status.WARNING} {self._old}" if self._old else ""
        self._box.border_title = self.entitle(
            f"Policies ─ {len(self.shown)} ─ by {self.sort.value}{turned}{safe(narrowed, 60)}{old}"
        )
        self._box.border_subtitle = self.entitle(KEYS if self.size.width >= len(KEYS) + 6 else FEWER_KEYS)
        self._tell()

    def line(self, key: Hashable, width: int) -> Line:
        """The heads, or a policy."""
        mesh, row = self.session.mesh, self.shown.get(key)
        return (
            rows.head(mesh, width) if row is None else rows.line(mesh, row, width, self.board.clock.now(), self.names)
        )

    @property
    def row(self) -> PolicyRow | None:
        """The policy under the cursor."""
        return self.shown.get(self.list.selected)

    def on_line_view_moved(self) -> None:
        """Tell of what the cursor is on."""
        self._tell()

    def _tell(self) -> None:
        row = self.row
        if row is not None:
            self.told.set_lines(rows.details(self.session.mesh, row, self.told.size.width, self.board.clock.now()))
            return
        said = "no policy matches" if self.filter else "no policies: everything may talk to everything; a applies one"
        self.told.set_lines([[Span(f" {status.NOTHING} {said}", "dim")]])

    def do_policy_details(self) -> None:
        """Everything known of it."""
        if self.row is not None:
            self.app.push_screen(PolicyDetail(self.board, self.session, self.row))

    def do_policy_apply(self) -> None:
        """Choose what to apply."""
        self.app.push_screen(OffersDialog(self.board, self.session))

    def do_policy_delete(self) -> None:
        """Delete it in every cluster that has it."""
        row = self.row
        if row is None:
            return
        refs = [(cell.context, row.resource, row.namespace, row.name) for cell in row.there]
        self.board.change(lambda session: policies.delete(session.mesh, refs, policies.recent(session.flows)))

    def do_policy_edit(self) -> None:
        """Change it in the person's editor, then apply it in every cluster that has it."""
        if self.row is not None:
            self.run_worker(self._edit(self.row), group="edit", exclusive=True, exit_on_error=False)

    async def _edit(self, row: PolicyRow) -> None:
        """What cannot be applied is kept: the next time the editor opens with it."""
        contexts = [cell.context for cell in row.there]
        there = as_manifest(row.resource, self.session.mesh.clusters[contexts[0]].of(row.resource).get(row.text))
        before = as_yaml(written(there or {}))
        try:
            text = await edited(self.app, self.drafts.pop(row.key, before))
            if text == before:
                self.board.say(f"{safe(row.text)}: left as it is", "dim", "·")
                return
            self.drafts[row.key] = text
            made = parse_manifests(text, "what was edited").alone()
            await self.session.changes_seen()
            plan = self.session.plan_apply(contexts, made)
        except MeshtuiError as error:
            self.board.tell(error)
            return
        self.board.change(lambda _: plan, then=lambda: self.drafts.pop(row.key, None))

    def do_policy_undo(self) -> None:
        """Take back the last change."""
        self.board.change(lambda session: session.plan_undo(), nothing="nothing to undo")

    def do_policy_workload(self) -> None:
        """Which policies select a workload."""

        def take(text: str) -> None:
            width = max(40, int(self.app.size.width * 0.9))
            lines = rows.workload(selected(self.session.mesh, text.strip()), min(96, width))
            self.app.push_screen(TextDialog(f"Policies of {text.strip() or 'every workload'}", lines))

        self.board.ask_filter("", "namespace/workload, or a part of it", take)

    def do_policy_filter(self) -> None:
        """Narrow the list down."""

        def take(text: str) -> None:
            try:
                parse(text)
            except MeshtuiError as error:
                self.told.set_lines(status.error_lines(error, max(40, self.told.size.width)))
                return
            self.filter = text.strip()
            self.refill()

        self.board.ask_filter(self.filter, "is:differs · in:CLUSTER · closes:egress · words", take, EXAMPLES)

    def do_policy_order(self) -> None:
        """The next order."""
        orders = list(Order)
        self.sort = orders[(orders.index(self.sort) + 1) % len(orders)]
        self.refill()

    def do_policy_turn_round(self) -> None:
        """The same order the other way round."""
        self.backwards = not self.backwards
        self.refill()

    def do_policy_copy(self) -> None:
        """Copy it as YAML, as the headless list prints it."""
        import yaml

        if self.row is not None:
            text = yaml.safe_dump(json_of(self.row), sort_keys=False, allow_unicode=True)
            self.board.say(copy(self.app, text), "dim", "·")
