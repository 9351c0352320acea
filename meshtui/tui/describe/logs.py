"""The logs of what a mesh needs in one cluster: agents, Relay, clustermesh-apiserver, operator, Envoy, DNS."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from meshtui.core.errors import MeshtuiError
from meshtui.core.model.state import Cluster
from meshtui.tui.board import Board
from meshtui.tui.ports import SessionPort
from meshtui.tui.widgets import status
from meshtui.tui.widgets.dialog import Dialog
from meshtui.tui.widgets.itemlist import ItemList
from meshtui.tui.widgets.paint import Line, Span, safe
from meshtui.tui.widgets.textdialog import TextDialog

_PARTS = {
    "cilium": "agent",
    "cilium-operator": "operator",
    "hubble-relay": "Relay",
    "clustermesh-apiserver": "clustermesh-apiserver",
    "cilium-envoy": "Envoy",
    "kube-dns": "DNS",
}
"""`k8s-app` label (or `name`) → what the part is called."""
_ROLES = (("level=error", "bad"), ("level=fatal", "bad"), ("level=warn", "warn"))


class Logged(NamedTuple):
    """One container whose log can be read."""

    part: str
    namespace: str
    pod: str
    container: str
    node: str


def logged(cluster: Cluster) -> Iterator[Logged]:
    """The containers of Cilium's parts and of DNS, part by part."""
    order = list(_PARTS)
    found = []
    for pod in cluster.pods.values():
        app = pod.labels.get("k8s-app") or pod.labels.get("name") or ""
        if app in _PARTS:
            found.append((order.index(app), pod))
    for at, pod in sorted(found, key=lambda one: (one[0], one[1].key)):
        for container in pod.spec.containers or ():
            yield Logged(_PARTS[order[at]], pod.namespace, pod.name, container.name, pod.spec.node_name)


class LogsDialog(Dialog[None]):
    """Choose a container; enter reads its last lines."""

    AUTO_FOCUS: ClassVar[str] = "ItemList"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "open", show=False)]

    def __init__(self, board: Board, session: SessionPort, cluster: Cluster) -> None:
        super().__init__()
        self.board = board
        self.session = session
        self.cluster = cluster
        self.list = ItemList()
        self._box = Vertical(self.list, classes="dialog -tall")

    def compose(self) -> ComposeResult:
        """The list in a frame."""
        yield self._box

    def on_mount(self) -> None:
        """List the containers."""
        self._box.border_title = self.entitle(f"Logs in {safe(self.cluster.name, 40)}")
        self._box.border_subtitle = self.entitle("enter reads · esc closes")
        self.call_after_refresh(self._fill)

    def _fill(self) -> None:
        lines: dict[Hashable, Sequence[Line]] = {
            item: [[Span(f" {item.part:<22}", "strong"), Span(safe(f"{item.pod}  {item.container}", 90)),
                    Span(f"  {safe(item.node, 50)}", "dim")]]
            for item in logged(self.cluster)
        }  # fmt: skip
        none = [[Span(" no pod of Cilium is known here: listing pods takes the right to do so", "dim")]]
        self.list.fill(lines or {"none": none})

    def action_open(self) -> None:
        """Read the log of the container under the cursor."""
        item = self.list.selected
        if isinstance(item, Logged):
            self.run_worker(self._read(item), exclusive=True, exit_on_error=False)

    async def _read(self, item: Logged) -> None:
        self.board.say(f"reading the log of {safe(item.pod, 80)}", "dim", status.WAITING)
        try:
            text = await self.session.reader.log(self.cluster.context, item.namespace, item.pod, item.container)
        except MeshtuiError as error:
            self.board.tell(error)
            return
        lines = [log_line(line) for line in text.splitlines()] or [[Span(" it wrote nothing", "dim")]]
        self.app.push_screen(LogDialog(f"{item.pod} {item.container} in {self.cluster.name}", lines))


class LogDialog(TextDialog):
    """A log, at its end first."""

    def on_mount(self) -> None:
        """To the newest line."""
        self.call_after_refresh(lambda: self.query_one("LineText").scroll_end(animate=False))


def log_line(text: str) -> Line:
    """One line of a log, in the role of its level."""
    role = next((role for word, role in _ROLES if word in text), "")
    return [Span(f" {safe(text, 2000)}", role)]
