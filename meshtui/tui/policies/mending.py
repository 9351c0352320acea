"""The proposals that would let a refused connection pass: chosen, edited, applied with the usual safety, verified."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from msgspec.structs import replace
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from meshtui.core.changes import policies
from meshtui.core.changes.plan import Plan
from meshtui.core.changes.together import together
from meshtui.core.errors import MeshtuiError, UsageError
from meshtui.core.policy import reading_of, refusal
from meshtui.core.policy.mend import Proposal, Remedy, propose
from meshtui.tui.board import Board
from meshtui.tui.policies.mendrows import effects_of, obstacle_lines, proposal_lines, yaml_of
from meshtui.tui.ports import SessionPort
from meshtui.tui.widgets.dialog import Dialog
from meshtui.tui.widgets.itemlist import ItemList
from meshtui.tui.widgets.paint import Line

if TYPE_CHECKING:
    from meshtui.tui.policies.mendrequest import MendRequest


def open_mending(board: Board, asked: MendRequest, nothing: str) -> None:
    """Show proposals for what was asked; say why there are none."""
    session = board.session
    if session is None:
        board.say("there is no cluster yet", "warn", "!")
        return
    if not asked.wanted:
        board.say(nothing, "warn", "!")
        return
    remedy = propose(session.mesh, asked.wanted)
    if not remedy.choices and not remedy.obstacles:
        board.say("the policies of now allow all of this", "ok")
        return
    board.app.push_screen(MendDialog(board, session, asked, remedy))


class MendDialog(Dialog[None]):
    """Enter applies all that is shown, space takes another proposal, e edits one, x leaves one out."""

    AUTO_FOCUS = "ItemList"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "apply", show=False),
        Binding("space", "another", show=False),
        Binding("e", "edit", show=False),
        Binding("x", "leave_out", show=False),
    ]

    def __init__(self, board: Board, session: SessionPort, asked: MendRequest, remedy: Remedy) -> None:
        super().__init__()
        self.board, self.session, self.asked, self.remedy = board, session, asked, remedy
        self.picked = [0] * len(remedy.choices)
        self.edited: dict[int, Proposal] = {}
        self.drafts: dict[int, str] = {}
        """What was edited and would be refused: the next time the editor opens with it."""
        self.left_out: set[int] = set()
        self.list = ItemList()
        self._box = Vertical(self.list, classes="dialog -tall")

    def compose(self) -> ComposeResult:
        """The list in a frame."""
        yield self._box

    def on_mount(self) -> None:
        """Fill it once its width is known."""
        self._box.border_title = self.entitle(f"Mend ─ {len(self.remedy.wanted)} connections")
        self._box.border_subtitle = self.entitle("enter applies · space another · e edits · x leaves out · esc closes")
        self.call_after_refresh(self.refill)

    def on_resize(self) -> None:
        """Lines depend on the width."""
        self.call_after_refresh(self.refill)

    @property
    def taken(self) -> list[Proposal]:
        """The proposals that enter applies."""
        return [self._shown(at) for at in range(len(self.picked)) if at not in self.left_out]

    def _shown(self, at: int) -> Proposal:
        return self.edited.get(at) or self.remedy.choices[at][self.picked[at]]

    def refill(self) -> None:
        """A block for each cluster, direction and workload, then what cannot be mended."""
        width = max(30, self.list.scrollable_content_region.width - 2)
        lines: dict[Hashable, Sequence[Line]] = {}
        for at, choice in enumerate(self.remedy.choices):
            lines[at] = proposal_lines(
                self.session.mesh, self._shown(at), self.picked[at], len(choice), width,
                edited=at in self.edited, left_out=at in self.left_out,
            )  # fmt: skip
        if told := obstacle_lines(self.remedy, width):
            lines["obstacles"] = told
        self.list.fill(lines)

    def _at(self) -> int | None:
        found = self.list.selected
        return found if isinstance(found, int) else None

    def action_another(self) -> None:
        """The next proposal for the same cluster and direction."""
        at = self._at()
        if at is not None:
            self.edited.pop(at, None)
            self.picked[at] = (self.picked[at] + 1) % len(self.remedy.choices[at])
            self.refill()

    def action_leave_out(self) -> None:
        """Do not apply this one, or do."""
        at = self._at()
        if at is not None:
            self.left_out ^= {at}
            self.refill()

    def action_edit(self) -> None:
        """Open the one under the cursor in $EDITOR."""
        at = self._at()
        if at is not None:
            self.run_worker(self._edit(at), group="edit", exit_on_error=False)

    async def _edit(self, at: int) -> None:
        from meshtui.tui.policies.editing import edited

        before = self._shown(at)
        try:
            text = await edited(self.app, self.drafts.pop(at, yaml_of(before)))
            if text != yaml_of(before):
                self.drafts[at] = text
                self.take_text(at, text)
                del self.drafts[at]
        except MeshtuiError as error:
            self.board.tell(error)

    def take_text(self, at: int, text: str) -> None:
        """Take over an edited policy. Raises UsageError for what is no policy, or would be refused."""
        before = self._shown(at)
        self.edited[at] = replace(before, manifest=self._parsed(text, before), title="edited", openings=(), closes=())
        self.refill()

    def _parsed(self, text: str, before: Proposal) -> dict[str, Any]:
        import yaml

        try:
            found = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise UsageError(
                "this is not YAML", cause=str(error).replace("\n", " "), hint="e edits it again"
            ) from error
        if not isinstance(found, dict) or found.get("kind") != before.manifest["kind"]:
            raise UsageError(f"this is no {before.manifest['kind']}", hint="e edits it again")
        if not isinstance(found.get("metadata"), dict) or not isinstance(
            found.get("spec") or found.get("specs"), dict | list
        ):
            raise UsageError("this has no metadata or no spec", hint="e edits it again")
        refused = refusal(found, reading_of(self.session.mesh.clusters[before.context]))
        if refused is not None:
            raise UsageError(f"{refused.by.value} would refuse this", cause=refused.words, hint="e edits it again")
        return found

    def plan(self, session: SessionPort) -> Plan | None:
        """All that is taken as one change."""
        taken = self.taken
        if not taken:
            return None
        plans = [session.plan_apply([each.context], [each.manifest]) for each in taken]
        names = ", ".join(dict.fromkeys(each.name for each in taken))
        where = " and ".join(dict.fromkeys(each.cluster for each in taken))
        rows = policies.recent(session.flows)
        return together(session.mesh, f"mend: {names} in {where}", plans, effects_of(taken), rows)

    def action_apply(self) -> None:
        """Plan, ask, apply; then see whether it passes."""
        from meshtui.tui.policies.verifying import Verifying

        if not self.remedy.choices:
            return
        begun = int(self.board.clock.now() * 1e9)
        verifying = Verifying(self.board, self.session, self.asked, begun)
        plan = self.plan
        self.dismiss(None)
        self.board.change(plan, nothing="every proposal is left out", then=verifying.begin)
