"""Pane 1: the clusters, their nodes, the links between them, and what failed, each in its own block."""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar

from textual.binding import BindingType

from meshtui.core.health.model import Judgement
from meshtui.core.model import resources as r
from meshtui.core.model.state import Delta
from meshtui.tui.beside import Details
from meshtui.tui.clusters import rows, table
from meshtui.tui.terminal import OfClusters
from meshtui.tui.widgets.paint import Line
from meshtui.tui.widgets.pane import BlockPane, bindings


class ClustersPane(BlockPane):
    """Clusters, nodes, links."""

    scope: ClassVar[str] = "clusters"
    BINDINGS: ClassVar[list[BindingType]] = bindings("clusters")
    _table = False

    def blocks(self, width: int) -> list[tuple[Hashable, list[Line]]]:
        """All clusters' blocks, or what is being waited for."""
        board = self.dashboard
        if board.mesh is None or not board.mesh.clusters:
            return [(("waiting",), board.waiting_lines(width))]
        judgement = board.session.judgement if board.session else Judgement()
        self._table = table.is_table(board.mesh, self.app.size.height // 2)
        if self._table:
            return table.blocks(board.mesh, width, judgement, board.clock.now(), utc=board.utc)
        return rows.blocks(board.mesh, width, judgement)

    @property
    def headed(self) -> bool:
        """Whether columns have heads."""
        return self._table and bool(self.items)

    def changed(self, delta: Delta) -> None:
        """Only a cluster's status or its nodes are shown here."""
        if delta.status or any(resource is r.NODES for _, resource in delta.objects):
            self.rebuild()

    @property
    def context(self) -> str:
        """Context of the cluster under the cursor, or empty."""
        key = self.selected
        return str(key[1]) if isinstance(key, tuple) and len(key) > 1 else ""

    def select_cluster(self, name: str) -> None:
        """Put the cursor on a cluster, by its name or its context."""
        mesh = self.dashboard.mesh
        wanted = {c.context for c in mesh.clusters.values() if name in (c.name, c.context)} if mesh else set()
        for at, key in enumerate(self.items):
            if isinstance(key, tuple) and len(key) > 1 and key[1] in wanted:
                self.move_to(at)
                return

    def do_details(self) -> None:
        """Everything known of the cluster, node or link under the cursor."""
        told = self.beside(min(self.app.size.width - 10, 96))
        if told is not None:
            self.dashboard.show_details(told.title, told.lines)

    def beside(self, width: int) -> Details | None:
        """Everything known of the cluster, node or link under the cursor."""
        from meshtui.tui.clusters import details

        board, key = self.dashboard, self.selected
        cluster = board.mesh.clusters.get(self.context) if board.mesh else None
        if board.mesh is None or cluster is None or not isinstance(key, tuple):
            return None
        judgement = board.session.judgement if board.session else Judgement()
        options = details.RenderOptions(judgement, board.clock.now(), width, board.utc)
        kind = str(key[0])
        if kind == "node":
            return Details(f"Node {key[2]} in {cluster.name}", details.node_details(cluster, str(key[2]), options))
        if kind == "link":
            lines = details.link_details(board.mesh, cluster, str(key[2]), options)
            return Details(f"Link {cluster.name} ⇄ {key[2]}", lines)
        return Details(f"Cluster {cluster.name}", details.cluster_details(board.mesh, cluster, options))

    def do_describe(self) -> None:
        """Describe the node under the cursor; of anything else, all that is known."""
        self._describe("describe")

    def do_yaml(self) -> None:
        """The node under the cursor as YAML."""
        self._describe("yaml")

    def _describe(self, look: str) -> None:
        key = self.selected
        if isinstance(key, tuple) and key[0] == "node":
            self.dashboard.describe(str(key[1]), r.NODES, "", str(key[2]), look)
        else:
            self.do_details()

    def do_logs(self) -> None:
        """Choose a container of the cluster under the cursor and read its log."""
        from meshtui.tui.describe.logs import LogsDialog

        board = self.dashboard
        cluster = board.mesh.clusters.get(self.context) if board.mesh else None
        if cluster is not None and board.session is not None:
            board.app.push_screen(LogsDialog(board, board.session, cluster))

    def do_log_in(self) -> None:
        """Start the login of the cluster under the cursor once more."""
        session = self.dashboard.session
        if isinstance(session, OfClusters) and self.context:
            session.log_in(self.context)
            self.dashboard.say(f"logging in to {self.context} again", "dim", "·")
