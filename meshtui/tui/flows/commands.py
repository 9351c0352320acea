"""What the Flows pane's keys do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from meshtui.core.flows.flow import FlowRow
from meshtui.core.flows.sums import AggregateKey
from meshtui.tui.flows.pane import FlowsPane
from meshtui.tui.flows.views.events import Events


class FlowCommands:
    """The commands of the Flows pane, apart from moving."""

    def __init__(self, pane: FlowsPane) -> None:
        self.pane = pane
        self._sums_before: tuple[str, bool] | None = None
        """How the sums were ordered before one of them was entered: column, and whether the other way round."""

    # What to see

    def do_pause(self) -> None:
        """Hold still, or go on with all that waited."""
        pane = self.pane
        if pane.view is None:
            return
        pane.paused_at = pane.view.arrived if pane.paused_at is None else None
        if pane.paused_at is None:
            pane.draw()
        pane.frame()

    def do_verdicts(self) -> None:
        """Dropped flows only, or all."""
        if self.pane.question is not None:
            self._preset("all" if self.pane.question.preset == "dropped" else "dropped")

    def _preset(self, name: str, service: str = "") -> None:
        pane = self.pane
        if pane.question is not None:
            pane.following = True
            pane.ask(pane.question.with_preset(name, service))

    def do_dropped(self) -> None:
        """Preset: dropped."""
        self._preset("dropped")

    def do_all(self) -> None:
        """Preset: everything."""
        self._preset("all")

    def do_l7(self) -> None:
        """Preset: L7."""
        self._preset("l7")

    def do_dns(self) -> None:
        """Preset: DNS."""
        self._preset("dns")

    def do_crossing(self) -> None:
        """Preset: from one cluster to another."""
        self._preset("cross-cluster")

    def do_service(self) -> None:
        """Preset: the service selected in the Services pane."""
        from meshtui.core.flows.filter import service_text

        board = self.pane.dashboard
        cell = board.services.cell
        mesh = board.mesh
        if cell is None or mesh is None:
            board.say("select a service in pane 2 first", "warn", "!")
            return
        key, context = cell
        namespace, _, name = key.partition("/")
        service = mesh.clusters[context].services.get(key)
        selector = dict(service.spec.selector or {}) if service is not None else {}
        self._preset("service", service_text(namespace, name, selector))

    def _hide(self, name: str) -> None:
        pane = self.pane
        if pane.question is not None:
            pane.ask(pane.question.hiding(name))
            hidden = name in pane.question.hides
            pane.dashboard.say(f"{name} {'hidden' if hidden else 'shown'}", "dim", "·")

    def do_hide_probes(self) -> None:
        """Probes of kubelet and cilium-health: hide or show."""
        self._hide("probes")

    def do_hide_host(self) -> None:
        """The nodes' own traffic: hide or show."""
        self._hide("host")

    def do_hide_dns(self) -> None:
        """Cluster DNS: hide or show."""
        self._hide("kube-dns")

    def do_hide_chatter(self) -> None:
        """What every cluster drops: hide or show."""
        self._hide("chatter")

    def do_reading(self) -> None:
        """Flows of those who read a Relay: ask for them, or leave them out."""
        session = self.pane.dashboard.session
        if session is not None:
            session.show_flow_reading(not session.flow_reading)
            what = "shown" if session.flow_reading else "not asked for"
            self.pane.dashboard.say(f"flows of those who read a Relay: {what}", "dim", "·")

    def do_filter(self) -> None:
        """Ask for a filter in hubble's words."""
        from meshtui.tui.flows.filterbar import FlowFilterDialog

        pane = self.pane
        store = pane.store
        if pane.question is None or store is None:
            return
        newest = store.rows(max(0, len(store) - 2000), len(store))

        def take(text: str | None) -> None:
            if text is not None:
                pane.set_filter(text)

        pane.app.push_screen(FlowFilterDialog(pane.question, newest, pane.dashboard.settings.filters), take)

    def do_terms(self) -> None:
        """Build the filter from a cell of the flow under the cursor."""
        from meshtui.tui.flows.terms import FlowTermsDialog

        pane, row = self.pane, self.pane.row

        def take(term: str | None) -> None:
            if term:
                pane.add_term(term)

        if row is not None:
            uuid, cell = pane.cells.picked
            pane.app.push_screen(FlowTermsDialog(row, cell if uuid == row.uuid else ""), take)

    def do_back(self) -> bool:
        """Leave a sum's events, clear the filter, go on when paused, or go back to events: the last thing first."""
        pane = self.pane
        question = pane.question
        if question is None:
            return False
        if question.behind is not None:
            self._leave_sum()
        elif pane.paused_at is not None:
            self.do_pause()
        elif question.text:
            pane.set_filter("")
        elif pane.kind != "events":
            self.pane.look_at("events")
        else:
            return False
        return True

    # How to see it

    def do_events(self) -> None:
        """Each event in order of time."""
        self.pane.look_at("events")

    def do_sums(self) -> None:
        """One row per who → whom:port, verdict and reason."""
        self.pane.look_at("sums")

    def do_connections(self) -> None:
        """One row per connection."""
        self.pane.look_at("connections")

    def do_map(self) -> None:
        """Who talks to whom."""
        self.pane.look_at("map")

    def do_width(self) -> None:
        """One line a flow, or two."""
        pane = self.pane
        pane.two_lines = not pane.two_lines
        if isinstance(pane.listing, Events):
            pane.listing.two_lines = pane.two_lines
        pane.on_resize()
        pane.refresh()

    def do_pairs(self) -> None:
        """The verdict and the drop of one packet as one item, or each by itself; the cursor stays on its flow."""
        pane = self.pane
        pane.paired = not pane.paired
        pane.dashboard.say("one item per packet" if pane.paired else "each event by itself", "dim", "·")
        if pane.kind == "events":
            pane.reopen()

    def do_order(self) -> None:
        """Order sums by the next column."""
        self.pane.reorder(lambda sums: sums.next_order())

    def do_turn_round(self) -> None:
        """Order sums the other way round."""
        self.pane.reorder(lambda sums: sums.turn_round())

    def do_details(self) -> None:
        """Everything about what is under the cursor; in sums its events, of a connection its fold."""
        pane, item = self.pane, self.pane.selected
        if pane.kind == "sums" and isinstance(item, tuple):
            self._enter_sum(cast("AggregateKey", item))
            return
        if pane.kind == "connections" and item is not None and not isinstance(item, tuple):
            cast("Any", pane.listing).toggle(item)
            pane.following = False
            pane.draw(again=True)
            return
        if pane.gap is not None:
            self.do_sources()
        elif pane.row is not None:
            self.open_flow(*pane.rows)

    def _enter_sum(self, key: AggregateKey) -> None:
        from meshtui.core.flows.sums import Aggregate
        from meshtui.tui.flows.sumrows import aggregate_title
        from meshtui.tui.flows.views.sums import Sums

        pane = self.pane
        assert pane.question is not None
        found = cast("Aggregate", cast("Any", pane.listing).find(key))
        pane.behind = aggregate_title(found)
        if isinstance(pane.listing, Sums):
            self._sums_before = pane.listing.column, pane.listing.reverse
        from dataclasses import replace

        pane.kind, pane.following, pane.items, pane.cursor = "events", True, (), 0
        pane.ask(replace(pane.question, behind=key))
        here = len(pane.view.events()) if pane.view is not None else 0
        if here < found.count:
            pane.behind += f", {here:,} of {found.count:,} still here"
            pane.frame()

    def _leave_sum(self) -> None:
        from dataclasses import replace

        from meshtui.tui.flows.views.sums import Sums

        pane = self.pane
        assert pane.question is not None
        key = pane.question.behind
        pane.kind, pane.items, pane.cursor = "sums", (), 0
        pane.ask(replace(pane.question, behind=None))
        if isinstance(pane.listing, Sums) and self._sums_before is not None:
            pane.listing.column, pane.listing.reverse = self._sums_before
        pane.draw(again=True)
        pane.select(key)

    def open_flow(self, row: FlowRow, mate: FlowRow | None = None) -> None:
        """One flow in full; `mate`: the other event of its packet."""
        from meshtui.core.flows.connections import connection_of
        from meshtui.tui.flows.beside import flow_in_full
        from meshtui.tui.flows.detail import FlowDialog

        pane, store = self.pane, self.pane.store
        if store is None:
            return
        near = store.between(row.time_ns - 120_000_000_000, row.time_ns + 120_000_000_000)
        lines = flow_in_full(pane, row, mate, connection_of(row, near[-50_000:]))

        def then(answer: str | None) -> None:
            if answer == "filter":
                self.do_terms()
            elif answer == "mend":
                self._mend(shown)

        shown = [row, mate] if mate else [row]
        pane.app.push_screen(FlowDialog(shown, lines), then)

    def do_mend(self) -> None:
        """Proposals for what is refused under the cursor: a drop, a connection, all of a sum."""
        from meshtui.core.flows.connections import Connection
        from meshtui.core.flows.sums import aggregate_key

        pane = self.pane
        if pane.dashboard.mesh is None or pane.store is None:
            return
        rows = pane.rows
        if pane.kind == "sums":
            rows = [row for row in pane.store if aggregate_key(row) == pane.selected]
        elif isinstance(pane.selected, Connection):
            rows = pane.selected.events
        self._mend(rows)

    def _mend(self, rows: Iterable[FlowRow]) -> None:
        from meshtui.tui.policies.mending import open_mending
        from meshtui.tui.policies.mendrequest import of_rows

        board = self.pane.dashboard
        if board.mesh is not None:
            nothing = "no policy dropped what is under the cursor; v shows drops only"
            open_mending(board, of_rows(board.mesh, rows, board.settings), nothing)

    def do_sources(self) -> None:
        """Who feeds each cluster, what was lost, and the gaps."""
        from meshtui.tui.flows.title import source_lines

        pane = self.pane
        mesh, store = pane.dashboard.mesh, pane.store
        if mesh is not None and store is not None:
            now_ns = int(pane.dashboard.clock.now() * 1e9)
            lines = source_lines(mesh, store, utc=pane.dashboard.utc, now_ns=now_ns)
            pane.dashboard.show_details("Sources of flows", lines)

    def do_agents(self) -> None:
        """Read from the agents instead of the Relays, or from the Relays again."""
        session = self.pane.dashboard.session
        if session is None:
            return
        wanted = "auto" if session.flow_source == "agents" else "agents"
        session.set_flow_source(wanted)
        what = "from every agent, by exec of hubble observe" if wanted == "agents" else "from the Relays"
        self.pane.dashboard.say(f"flows {what}", "dim", "·")
