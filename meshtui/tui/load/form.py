"""Where a load test starts, where it goes, and how: a list of clients and a form."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Sequence
from typing import ClassVar

from msgspec.structs import replace
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Grid, Horizontal, Vertical
from textual.widgets import Input, Label, Static

from meshtui.core.errors import MeshtuiError
from meshtui.core.load import form
from meshtui.core.load.origins import Origin, origins
from meshtui.core.load.spec import LoadSpec, Tools
from meshtui.tui.board import Board
from meshtui.tui.load.originrows import direct_lines, origin_lines
from meshtui.tui.ports import SessionPort
from meshtui.tui.widgets.dialog import Dialog
from meshtui.tui.widgets.itemlist import ItemList
from meshtui.tui.widgets.paint import Line, safe

DIRECT = ("direct", "direct over HTTP/2")
"""Items for requests from this machine."""
PROBED = 12
"""Workloads that are asked for their tools when the dialog opens."""
_AT_ONCE = 4


class LoadDialog(Dialog["list[LoadSpec] | None"]):
    """Enter runs with the client under the list's cursor; tab moves on; esc leaves."""

    AUTO_FOCUS = "ItemList"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "run", show=False),
    ]

    def __init__(self, board: Board, session: SessionPort, spec: LoadSpec) -> None:
        super().__init__()
        self.board = board
        self.session = session
        self.spec = spec
        self.tools: dict[tuple[str, str, str], Tools] = {}
        self.list = ItemList()
        self.inputs = {
            field.name: Input(form.filled(spec)[field.name], placeholder=field.about, id=f"load-{field.name}",
                              compact=True, select_on_focus=False)
            for field in form.FIELDS
        }  # fmt: skip
        self.problem = Static("", markup=False, id="problem")

    def compose(self) -> ComposeResult:
        """The clients, the fields, a line for what is wrong."""
        with Vertical(classes="dialog -load") as box:
            box.border_title = self.entitle("Load test: from where, to where, how")
            box.border_subtitle = self.entitle("enter runs · tab next · esc cancels")
            yield self.list
            with Grid(classes="fields"):
                for field in form.FIELDS:
                    with Horizontal(classes="-wide" if field.name in ("url", "headers", "body") else ""):
                        yield Label(field.label, markup=False)
                        yield self.inputs[field.name]
            yield self.problem

    def on_mount(self) -> None:
        """Fill the list, and ask the likely clients for curl."""
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        self.refill()
        found = self._items()
        for index, item in enumerate(found):
            if isinstance(item, Origin) and self._is_current(item):
                self.list.move_to(index)
                break
        self.run_worker(self._probe(), exit_on_error=False)

    def _is_current(self, origin: Origin) -> bool:
        spec = self.spec
        return origin.namespace == spec.namespace and origin.starts() == [(spec.context, spec.workload)]

    def _items(self) -> list[Hashable]:
        return [*origins(self.session.mesh), *DIRECT]

    def refill(self) -> None:
        """The clients as they are known now."""
        mesh = self.session.mesh
        lines: dict[Hashable, Sequence[Line]] = {}
        for item in self._items():
            lines[item] = origin_lines(item, mesh, self._told(item)) if isinstance(item, Origin) else direct_lines(item)
        self.list.fill(lines)

    def _told(self, origin: Origin) -> list[Tools | None]:
        pairs = zip(origin.contexts, origin.pods, strict=True)
        return [self.tools.get((context, origin.namespace, pod)) for context, pod in pairs]

    async def _probe(self) -> None:
        """Ask a few at a time; the list tells as answers come."""
        alone = [item for item in self._items() if isinstance(item, Origin) and len(item.contexts) == 1]
        free = asyncio.Semaphore(_AT_ONCE)

        async def ask(origin: Origin) -> None:
            place = (origin.contexts[0], origin.namespace, origin.pods[0])
            async with free:
                self.tools[place] = await self.session.tools(*place)
            self.refill()

        await asyncio.gather(*(ask(origin) for origin in alone[:PROBED]))

    def on_input_submitted(self) -> None:
        """Enter in a field runs, too."""
        self.action_run()

    def action_run(self) -> None:
        """Run with what is chosen and filled in; say what cannot be."""
        try:
            made = form.read(self.spec, {name: given.value for name, given in self.inputs.items()})
        except MeshtuiError as error:
            self.problem.update(f"✗ {safe(error.title)}{f' → {safe(error.hint)}' if error.hint else ''}")
            return
        self.dismiss(self._specs(made))

    def _specs(self, made: LoadSpec) -> list[LoadSpec]:
        chosen = self.list.selected
        if isinstance(chosen, Origin):
            here = replace(made, namespace=chosen.namespace, container="")
            return [replace(here, context=context, workload=workload) for context, workload in chosen.starts()]
        return [replace(made, context="", http2=chosen == DIRECT[1])]
