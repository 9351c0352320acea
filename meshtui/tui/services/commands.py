"""What the keys of the Services pane do, apart from moving."""

from __future__ import annotations

from msgspec.structs import replace

from meshtui.core.model import resources as r
from meshtui.core.services.table import Sort
from meshtui.tui.beside import Details
from meshtui.tui.services.filterline import FilterHistory
from meshtui.tui.services.pane import ServicesPane


class ServicesCommands:
    """The commands of the Services pane."""

    def __init__(self, pane: ServicesPane) -> None:
        self.pane = pane
        self.filters = FilterHistory()

    def _toggle(self, what: str, *, everywhere: bool = False) -> None:
        refs = self.pane.refs(everywhere=everywhere)
        if refs:
            self.pane.dashboard.change(lambda session: session.plan_toggle(refs, what))

    def do_global_here(self) -> None:
        """Toggle global where the cursor or the marks are."""
        self._toggle("global")

    def do_shared_here(self) -> None:
        """Toggle shared where the cursor or the marks are."""
        self._toggle("shared")

    def do_affinity_here(self) -> None:
        """Step affinity where the cursor or the marks are."""
        self._toggle("affinity")

    def do_global_all(self) -> None:
        """Toggle global in all clusters."""
        self._toggle("global", everywhere=True)

    def do_shared_all(self) -> None:
        """Toggle shared in all clusters."""
        self._toggle("shared", everywhere=True)

    def do_affinity_all(self) -> None:
        """Step affinity in all clusters."""
        self._toggle("affinity", everywhere=True)

    def do_undo(self) -> None:
        """Take the last change back."""
        self.pane.dashboard.change(lambda session: session.plan_undo(), nothing="there is nothing to undo")

    def do_mend(self) -> None:
        """Proposals for what the load test's client of this cluster is refused."""
        from meshtui.tui.policies.mending import open_mending
        from meshtui.tui.policies.mendrequest import of_service

        cell, board = self.pane.cell, self.pane.dashboard
        if cell is not None and board.mesh is not None:
            key, context = cell
            open_mending(
                board,
                of_service(board.mesh, context, key, board.settings),
                f"no client of {key} is known in this cluster",
            )

    def do_drill(self) -> None:
        """Scale the service's workload in the cluster under the cursor to zero, or back."""
        cell = self.pane.cell
        if cell is not None:
            key, context = cell
            self.pane.dashboard.change(lambda session: session.plan_drill(context, key))

    def do_mark(self) -> None:
        """Mark the line under the cursor, or unmark it, and go on to the same cluster's next service."""
        cell, table = self.pane.cell, self.pane.table
        if cell is None or table is None:
            return
        self.pane.marks.turn([cell])
        self.pane.touch(self.pane.listing.keys([cell[0]]))
        self.pane.title_again()
        self.pane.move_to(self.pane.cursor + self.pane.listing.items_each)

    def do_mark_all(self) -> None:
        """Mark every service that is shown, in the cluster under the cursor; unmark them when all are marked."""
        cell, table = self.pane.cell, self.pane.table
        if cell is None or table is None:
            return
        services = table.mesh.clusters[cell[1]].services
        self.pane.marks.turn([(key, cell[1]) for key in table.keys if key in services])
        self.pane.touch()
        self.pane.title_again()

    def do_only_marked(self) -> None:
        """Show only what is marked, or all again."""
        pane = self.pane
        if not pane.marks and pane.view.only is None:
            pane.dashboard.say("nothing is marked: space marks", "warn", "!")
            return
        only = None if pane.view.only is not None else frozenset(key for key, _ in pane.marks)
        pane.look(replace(pane.view, only=only))

    def do_namespaces(self) -> None:
        """Choose the namespaces to show."""
        from meshtui.tui.services.namespaces import ALL, NamespacePicker, counts

        board, table = self.pane.dashboard, self.pane.table
        if table is None:
            board.say("there is no cluster yet", "warn", "!")
            return

        def take(names: tuple[str, ...] | None) -> None:
            if names:
                board.see_namespaces(() if ALL in names else names)

        found = counts(table, board.names()[0], self.pane.view.failing)
        board.app.push_screen(NamespacePicker(found, board.namespaces), take)

    def do_all_namespaces(self) -> None:
        """Show every namespace."""
        self.pane.dashboard.see_namespaces(())

    def do_mesh_only(self) -> None:
        """Show only what Cluster Mesh knows of, or everything."""
        self.pane.look(replace(self.pane.view, mesh_only=not self.pane.view.mesh_only))

    def do_faults(self) -> None:
        """Show only services with a fault, or everything."""
        self.pane.look(replace(self.pane.view, faults_only=not self.pane.view.faults_only))

    def do_sort(self) -> None:
        """Next order."""
        orders = [Sort.MESHED, Sort.NAME, Sort.FAULT, Sort.READY]
        here = self.pane.view.sort
        following = orders[(orders.index(here) + 1) % len(orders)] if here in orders else Sort.MESHED
        view = replace(self.pane.view, sort=following, reverse=False)
        self.pane.look(view)
        self.pane.dashboard.say(f"services by {view.sort.value}", "dim", "·")

    def do_sort_name(self) -> None:
        """Order by name."""
        self.pane.order_by("name")

    def do_sort_ready(self) -> None:
        """Order by endpoints that are ready."""
        self.pane.order_by("ready")

    def do_sort_where(self) -> None:
        """Order by how many clusters have the service."""
        self.pane.order_by("in")

    def do_sort_global(self) -> None:
        """Order by in how many clusters the service is global."""
        self.pane.order_by("global")

    def do_sort_shared(self) -> None:
        """Order by how many clusters share it."""
        self.pane.order_by("shared")

    def do_sort_affinity(self) -> None:
        """Order by how many clusters prefer one side."""
        self.pane.order_by("affinity")

    def do_sort_reach(self) -> None:
        """Order by who reaches what: what fails first."""
        self.pane.order_by("reach")

    def do_turn_round(self) -> None:
        """The same order the other way round."""
        self.pane.look(replace(self.pane.view, reverse=not self.pane.view.reverse))

    def do_next_cluster(self) -> None:
        """Let keys act on the next cluster."""
        self.pane.choose(1)

    def do_previous_cluster(self) -> None:
        """Let keys act on the cluster before."""
        self.pane.choose(-1)

    def do_filter(self) -> None:
        """Ask for a filter; the list narrows down while it is typed."""
        from meshtui.tui.services.filterline import ServicesFilter

        pane = self.pane

        def take(text: str | None) -> None:
            if text is not None:
                pane.set_filter(text)

        saved = pane.dashboard.settings.filters
        dialog = ServicesFilter(pane.view.filter.text, pane.check_filter, pane.set_filter, self.filters, saved)
        pane.app.push_screen(dialog, take)

    def do_details(self) -> None:
        """Explain the service under the cursor."""
        board, cell = self.pane.dashboard, self.pane.cell
        if board.session is not None and cell is not None:
            from meshtui.tui.services.detail import ServiceDialog

            board.app.push_screen(ServiceDialog(board, board.session, cell[0]))

    def beside(self, width: int) -> Details | None:
        """Everything known of the service under the cursor."""
        from meshtui.tui.services.beside import service_beside

        cell = self.pane.cell
        return service_beside(self.pane.dashboard, cell[0], width) if cell is not None else None

    def do_describe(self) -> None:
        """Describe the Service under the cursor."""
        self._describe("describe")

    def do_yaml(self) -> None:
        """The Service under the cursor as YAML."""
        self._describe("yaml")

    def _describe(self, look: str) -> None:
        if self.pane.cell is not None:
            key, context = self.pane.cell
            namespace, _, name = key.partition("/")
            self.pane.dashboard.describe(context, r.SERVICES, namespace, name, look)

    def do_history(self) -> None:
        """What was changed in this session."""
        board = self.pane.dashboard
        if board.session is None:
            board.say("there is no cluster yet", "warn", "!")
            return
        from meshtui.tui.changes.history import HistoryDialog

        board.app.push_screen(HistoryDialog(board, board.session))
