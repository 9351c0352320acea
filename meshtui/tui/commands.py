"""The one registry of commands: bindings, footer, help, palette and docs/keys.md are all made from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

PANES = ("clusters", "services", "flows", "load")
"""The panes, in the order of their number keys."""

SCOPES = (*PANES, "tour", "policies")
"""Where commands can belong: the panes, the tour beside them, and the policies' own screen."""

EVERYWHERE = "everywhere"


@dataclass(frozen=True, slots=True)
class Command:
    """One thing a person can do, and the keys that do it where `scopes` say."""

    id: str
    """Stable name: users remap keys by it."""
    keys: tuple[str, ...]
    """Textual's names of the keys; the first one is shown."""
    title: str
    """Two or three words for footer and palette."""
    help: str
    """One sentence for help, palette and the docs page."""
    scopes: tuple[str, ...]
    """Panes it belongs to, or EVERYWHERE. Its method `do_…` is looked up on the pane, then on the dashboard."""
    method: str
    """Name of the method after `do_`."""
    footer: str = ""
    """Word after the key in the footer; empty keeps it out of there."""
    palette: bool = True
    changes: bool = False
    """Whether it can change a cluster."""


def _in(
    scopes: str, name: str, keys: str, title: str, method: str, *, about: str, footer: str = "", palette: bool = True
) -> Command:
    changes = name in _CHANGING
    return Command(name, tuple(keys.split()), title, about, tuple(scopes.split()), method, footer, palette, changes)


def _all(
    name: str, keys: str, title: str, method: str, *, about: str, footer: str = "", palette: bool = True
) -> Command:
    return _in(EVERYWHERE, name, keys, title, method, about=about, footer=footer, palette=palette)


_CHANGING = frozenset((
    "services.global", "services.shared", "services.affinity", "services.global-all", "services.shared-all",
    "services.affinity-all", "services.undo", "services.drill", "policies.mend",
    "policies.apply", "policies.delete", "policies.edit", "policies.undo",
))  # fmt: skip
"""Commands that change clusters."""
_MOVE = "clusters services flows load"
_LISTS = "clusters flows load"

# fmt: off
COMMANDS: tuple[Command, ...] = (
    _in("services", "services.global", "g", "Toggle global", "global_here", footer="global",
        about="Toggle global in the cluster under the cursor."),
    _in("services", "services.shared", "s", "Toggle shared", "shared_here", footer="shared",
        about="Toggle shared in the cluster under the cursor."),
    _in("services", "services.affinity", "a", "Next affinity", "affinity_here", footer="affinity",
        about="Step affinity none → local → remote in the cluster under the cursor."),
    _in("services", "services.global-all", "G", "Toggle global in all clusters", "global_all",
        about="Toggle global in every cluster that has the service."),
    _in("services", "services.shared-all", "S", "Toggle shared in all clusters", "shared_all",
        about="Toggle shared in every cluster that has the service."),
    _in("services", "services.affinity-all", "A", "Next affinity in all clusters", "affinity_all",
        about="Step affinity in every cluster that has the service."),
    _in("services", "services.undo", "u", "Undo", "undo", footer="undo",
        about="Take back the last change made in this session, exactly; again for the one before."),
    _in("services", "services.drill", "D", "Failover drill", "drill",
        about="Scale the service's workload in the cluster under the cursor to zero, or back to what it was."),
    _in("services", "services.namespaces", "n", "Namespaces", "namespaces",
        about="Choose the namespaces to show from a list that says how many services each has."),
    _in("services", "services.all-namespaces", "0", "All namespaces", "all_namespaces",
        about="Show the services of every namespace."),
    _in("services", "services.mark", "space", "Mark", "mark", palette=False,
        about="Mark this line: g, s and a, and their capitals, then change all that is marked, shown or not, at once."),
    _in("services", "services.mark-all", "asterisk", "Mark all shown", "mark_all",
        about="Mark every service that is shown, in the cluster under the cursor; again unmarks them."),
    _in("services", "services.only-marked", "ampersand", "Marked only", "only_marked",
        about="Show only the services that are marked, or all again."),
    _in("services", "services.history", "H", "History of changes", "history",
        about="What was changed in this session, what came of it, and where the audit log is."),
    _in("services", "services.mesh-only", "m", "Mesh services only", "mesh_only",
        about="Show only services that carry Cluster Mesh annotations, or all."),
    _in("services", "services.faults", "e", "Faults only", "faults",
        about="Show only services with endpoints that are not ready, or misread annotations, or all."),
    _in("services", "services.sort", "o", "Next order", "sort",
        about="Order services by mesh, by name, by faults, or by fewest ready."),
    _in("services", "services.sort-name", "N", "Order by name", "sort_name",
        about="Order services by name; again for the other way round."),
    _in("services", "services.sort-ready", "R", "Order by ready", "sort_ready",
        about="Order services by endpoints that are ready; again for the other way round."),
    _in("services", "services.sort-where", "I", "Order by clusters", "sort_where",
        about="Order services by how many clusters have them; again for the other way round."),
    _in("services", "services.sort-global", "B", "Order by global", "sort_global",
        about="Order services by the number of clusters in which they are global; again for the other way round."),
    _in("services", "services.sort-shared", "E", "Order by shared", "sort_shared",
        about="Order services by how many clusters share them; again for the other way round."),
    _in("services", "services.sort-affinity", "F", "Order by affinity", "sort_affinity",
        about="Order services by how many clusters prefer a side; again for the other way round."),
    _in("services", "services.sort-reach", "W", "Order by who reaches what", "sort_reach",
        about="Order services by who reaches what, those that fail first; again for the other way round."),
    _in("services", "services.turn-round", "O", "Turn order round", "turn_round",
        about="Order services the other way round."),
    _in("services", "services.next-cluster", "right", "Next cluster", "next_cluster", palette=False,
        about="Let g, s and a act on the next cluster of this service."),
    _in("services", "services.previous-cluster", "left", "Previous cluster", "previous_cluster", palette=False,
        about="Let g, s and a act on the cluster before."),
    _in("flows", "flows.pause", "p", "Pause", "pause", footer="pause",
        about="Hold the flows still; the title counts what waits."),
    _in("flows", "flows.verdicts", "v", "Dropped or all", "verdicts", footer="dropped/all",
        about="Show dropped flows only, or every verdict."),
    _in("flows", "flows.events", "e", "Events", "events", footer="events",
        about="Each event in order of time, all clusters in one stream."),
    _in("flows", "flows.sums", "s", "Sums", "sums", footer="sums",
        about="One row per who → whom:port, verdict and reason; enter shows the events behind a row."),
    _in("flows", "flows.connections", "c", "Connections", "connections", footer="connections",
        about="One row per connection; enter unfolds it into its events, both nodes' and the reply's."),
    _in("flows", "flows.map", "m", "Map", "map", footer="map",
        about="Who talks to whom across clusters, with drops marked."),
    _in("flows", "flows.terms", "i", "Filter by a cell", "terms", footer="by cell",
        about="Build the filter from the flow under the cursor: only these, or none of these."),
    _in("flows", "flows.order", "o", "Next order", "order",
        about="Order sums by the next column."),
    _in("flows", "flows.turn-round", "O", "Turn order round", "turn_round",
        about="Order sums the other way round."),
    _in("flows", "flows.dropped", "d", "Preset: dropped", "dropped",
        about="Dropped flows only."),
    _in("flows", "flows.all", "a", "Preset: all", "all",
        about="Every verdict."),
    _in("flows", "flows.l7", "7", "Preset: L7", "l7",
        about="Requests and answers of HTTP, DNS and other protocols that a proxy saw."),
    _in("flows", "flows.dns", "5", "Preset: DNS", "dns",
        about="Everything from or to port 53."),
    _in("flows", "flows.crossing", "x", "Preset: cross-cluster", "crossing",
        about="Only what goes from one cluster to another."),
    _in("flows", "flows.service", "S", "Preset: this service", "service",
        about="Only flows of the service selected in the Services pane."),
    _in("flows", "flows.hide-probes", "P", "Hide probes", "hide_probes",
        about="Hide or show kubelet's and cilium-health's probes."),
    _in("flows", "flows.hide-host", "H", "Hide host", "hide_host",
        about="Hide or show the nodes' own traffic."),
    _in("flows", "flows.hide-dns", "D", "Hide kube-dns", "hide_dns",
        about="Hide or show cluster DNS."),
    _in("flows", "flows.hide-chatter", "I", "Hide IPv6 chatter", "hide_chatter",
        about="Hide or show router solicitations, which every cluster drops; hidden at first among drops."),
    _in("flows", "flows.reading", "R", "Show Relay readers", "reading",
        about="Show or leave out the flows of those who read a Relay, meshtui among them."),
    _in("flows", "flows.sources", "b", "Sources and losses", "sources",
        about="Who feeds each cluster, which nodes are away, what was lost where, and the gaps."),
    _in("flows", "flows.agents", "r", "Relays or agents", "agents",
        about="Read from each agent by exec instead of the Relays (faster, one connection per node), or back."),
    _in("flows", "flows.search", "F", "Search", "search",
        about="Look for words in the flows shown."),
    _in("flows", "flows.next", "n", "Next match", "next_match", palette=False,
        about="To the next flow with the words."),
    _in("flows", "flows.previous", "N", "Previous match", "previous_match", palette=False,
        about="To the flow before with the words."),
    _in("flows", "flows.copy-json", "J", "Copy as JSON", "copy_json",
        about="Copy the flow as hubble observe -o jsonpb has it."),
    _in("flows", "flows.copy-command", "Y", "Copy as command", "copy_command",
        about="Copy the hubble observe command that shows this flow and its like."),
    _in("flows", "flows.export", "X", "Export", "export",
        about="Write the flows shown into a file, as hubble observe -o jsonpb does."),
    _in("flows", "flows.pairs", "E", "One item per packet", "pairs",
        about="Show the verdict and the drop of one packet as one item, or each event by itself."),
    _in("flows", "flows.width", "w", "One or two lines", "width",
        about="Show one line per flow, or two with the explanation of a drop."),
    _all("load.run", "l", "Fire ten requests", "load", footer="load 10",
        about="Ten requests from x-wing of the selected cluster to the selected service."),
    _in("flows services", "view.filter", "slash", "Filter", "filter", footer="filter",
        about="Narrow this pane down; an empty filter shows everything again."),
    _all("load.run-all", "L", "Load from all clusters", "load_all",
        about="Ten requests from x-wing of every cluster, side by side, to the selected service."),
    _in("load", "load.options", "o", "Load options", "options", footer="options",
        about="Choose the client, the service or URL, how many requests, how fast and with what."),
    _in("load", "load.steady", "S", "Steady requests", "steady", footer="steady",
        about="Requests at a steady rate until stopped; the timeline shows when answers move."),
    _in("load", "load.repeat", "r", "Run again", "repeat",
        about="Run the load tests that are shown once more."),
    _in("load", "load.history", "H", "History of runs", "runs", footer="history",
        about="The runs kept, also of former sessions: what changed between them, any two compared."),
    _in("load", "load.export", "e", "Export runs", "export",
        about="Write the runs in front as JSON into the working directory."),
    _in("load", "load.cancel", "x", "Stop the run", "cancel", footer="stop",
        about="Cancel the requests that are still on their way."),
    _all("findings.open", "f", "Findings", "findings", footer="findings",
        about="What is wrong or surprising in this mesh: its meaning, its evidence, and the change that fixes it."),
    _all("pulse.open", "V", "Pulse", "pulse",
        about="A line per cluster: drops, requests and latency of the last five minutes."),
    _all("bookmarks.open", "apostrophe", "Bookmarks", "bookmarks",
        about="The places that are kept: go to one, or delete it."),
    _all("bookmarks.keep", "K", "Keep this place", "keep",
        about="Keep where you are as a bookmark: pane, cluster, service, filters, order and namespaces."),
    _in("clusters services load", "policies.open", "p", "Policies", "policies", footer="policies",
        about="List the clusters' network policies; apply or delete them."),
    _in("flows load services", "policies.mend", "M", "Mend", "mend", footer="mend",
        about="The smallest policies that would let pass what is refused here; apply them, and see that it passes."),
    _in("policies", "policies.details", "enter", "Details", "policy_details", palette=False,
        about="Its pods, the flows it dropped or let pass, the difference between clusters, who wrote it, its YAML."),
    _in("policies", "policies.apply", "a", "Apply", "policy_apply",
        about="Apply policies of the lab, of a file or of a directory, to one cluster or all."),
    _in("policies", "policies.delete", "x delete", "Delete", "policy_delete",
        about="Delete the policy under the cursor in every cluster that has it."),
    _in("policies", "policies.edit", "e", "Edit", "policy_edit",
        about="Change the policy under the cursor in $EDITOR, then apply it in every cluster that has it."),
    _in("policies", "policies.undo", "u", "Undo", "policy_undo",
        about="Take back the last change: what was applied goes or is what it was, what was deleted comes back."),
    _in("policies", "policies.workload", "w", "Of a workload", "policy_workload",
        about="Which policies select a workload, and whether each direction is enforced."),
    _in("policies", "policies.filter", "slash", "Filter", "policy_filter",
        about="Narrow the policies down; an empty filter shows all again."),
    _in("policies", "policies.order", "o", "Next order", "policy_order",
        about="Order policies by the next column."),
    _in("policies", "policies.turn-round", "O", "Turn order round", "policy_turn_round",
        about="Order policies the other way round."),
    _in("policies", "policies.copy", "y", "Copy", "policy_copy", palette=False,
        about="Copy the policy under the cursor as `meshtui policies -o yaml` prints it."),
    _in(_MOVE, "view.details", "enter", "Details", "details", palette=False,
        about="Everything known of what is under the cursor."),
    _in("clusters services", "view.describe", "d", "Describe", "describe",
        about="The object under the cursor in full: who wrote its annotations, its events, commands to copy."),
    _in("clusters services", "view.yaml", "Y", "YAML", "yaml",
        about="The object under the cursor as its API server has it, to read."),
    _in("clusters", "clusters.log-in", "i", "Log in again", "log_in",
        about="Start the exec plugin of the cluster under the cursor once more."),
    _in("clusters", "clusters.logs", "o", "Logs", "logs", footer="logs",
        about="Logs of the cluster's agents, Relay, clustermesh-apiserver, operator and DNS."),
    _all("view.zoom", "z", "Zoom", "zoom", footer="zoom",
        about="Give the focused pane the whole screen, or take it back."),
    _all("view.copy", "y", "Copy row", "copy",
        about="Copy what is under the cursor to the clipboard."),
    _all("tour.open", "t", "Tour", "tour", footer="tour",
        about="Open the lab's tour beside the panes, go to it, or close it."),
    _in("tour", "tour.do", "enter", "Do this step", "tour_do", footer="do it",
        about="Bring this step about, from wherever the mesh is, and check it."),
    _in("tour", "tour.check", "c", "Check this step", "tour_check", footer="check",
        about="Look in the clusters whether this step's effect shows, whoever brought it about."),
    _in("tour", "tour.next", "n right", "Next step", "tour_next", footer="next",
        about="To the next step of the tour."),
    _in("tour", "tour.previous", "b left", "Step before", "tour_previous", footer="back",
        about="To the step before."),
    _in("tour", "tour.answers", "a", "Answers", "tour_answers", footer="answers",
        about="Show where the dashboard answers this step's questions, or hide it."),
    _in("tour", "tour.undo", "r", "Undo this step", "tour_undo",
        about="Back to the state before this step, or mend what it broke; the step counts as not seen."),
    _in("tour", "tour.other", "x", "Break it", "tour_other",
        about="To the tour of faults, each found with the dashboard and mended, or back."),
    _in("tour", "tour.restart", "R", "Start the tour anew", "tour_restart",
        about="Forget what was seen and go to the first step; the clusters stay as they are."),
    _in("tour", "lab.up", "U", "Build the lab", "lab_up",
        about="Build the lab's two kind clusters, or go on where that stood: the commands are shown first."),
    _in("tour", "lab.down", "D", "Remove the lab", "lab_down",
        about="Remove the kind clusters that meshtui built, and nothing else: the commands are shown first."),
    _in("tour", "tour.down", "down j", "Down", "down", palette=False,
        about="Down by a line."),
    _in("tour", "tour.up", "up k", "Up", "up", palette=False,
        about="Up by a line."),
    _in("tour", "tour.page-down", "pagedown space", "Page down", "page_down", palette=False,
        about="Down by a screenful."),
    _in("tour", "tour.page-up", "pageup", "Page up", "page_up", palette=False,
        about="Up by a screenful."),
    _all("view.utc", "T", "UTC or local time", "utc",
        about="Switch every time on the screen between UTC and local time."),
    _all("view.theme", "f8", "Next theme", "theme",
        about="Switch between the dark, the light and the terminal's own colours."),
    _all("pane.clusters", "1", "Clusters pane", "pane_clusters",
        about="Go to the clusters, their nodes and the links between them."),
    _all("pane.services", "2", "Services pane", "pane_services",
        about="Go to the services and where their clients' requests go."),
    _all("pane.flows", "3", "Flows pane", "pane_flows",
        about="Go to the stream of flows."),
    _all("pane.load", "4", "Load pane", "pane_load",
        about="Go to the load test."),
    _all("pane.next", "tab", "Next pane", "next_pane", palette=False,
        about="Go to the next pane."),
    _all("pane.previous", "shift+tab", "Previous pane", "previous_pane", palette=False,
        about="Go to the previous pane."),
    _in(_MOVE, "move.down", "down j", "Down", "down", palette=False,
        about="Down by one."),
    _in(_MOVE, "move.up", "up k", "Up", "up", palette=False,
        about="Up by one."),
    _in(_MOVE, "move.page-down", "pagedown", "Page down", "page_down", palette=False,
        about="Down by a screenful."),
    _in(_MOVE, "move.page-up", "pageup", "Page up", "page_up", palette=False,
        about="Up by a screenful."),
    _in(_MOVE, "move.half-down", "ctrl+d", "Half page down", "half_down", palette=False,
        about="Down by half a screenful."),
    _in(_MOVE, "move.half-up", "ctrl+u", "Half page up", "half_up", palette=False,
        about="Up by half a screenful."),
    _in(_LISTS, "move.top", "g home", "Top", "top", palette=False,
        about="To the first line."),
    _in(_LISTS, "move.bottom", "G end", "Bottom", "bottom", palette=False,
        about="To the last line; flows follow again."),
    _in("services", "move.first", "home", "Top", "top", palette=False,
        about="To the first line; g and G are taken by global here."),
    _in("services", "move.last", "end", "Bottom", "bottom", palette=False,
        about="To the last line; g and G are taken by global here."),
    _all("app.up", "escape", "Back", "back", palette=False,
        about="Close, clear or zoom out; never quits."),
    _all("app.palette", "colon ctrl+p", "Commands", "palette", footer="commands", palette=False,
        about="Go to a place (`svc`, `ns NAME`, `flows` …) or find a command by name."),
    _all("app.help", "question_mark f1", "Help", "help", footer="help",
        about="The keys that work where you are."),
    _all("app.suspend", "ctrl+z", "Suspend", "suspend",
        about="Give the terminal back to the shell; `fg` comes back."),
    _all("app.quit", "q", "Quit", "quit", footer="quit",
        about="Leave meshtui."),
)
# fmt: on

BY_ID: dict[str, Command] = {command.id: command for command in COMMANDS}

GLYPHS = {
    "slash": "/",
    "question_mark": "?",
    "colon": ":",
    "apostrophe": "'",
    "asterisk": "*",
    "ampersand": "&",
    "escape": "esc",
    "pagedown": "pgdn",
    "pageup": "pgup",
    "up": "↑",
    "down": "↓",
}


def in_scope(scope: str) -> tuple[Command, ...]:
    """The commands that work in a pane, its own first."""
    own = tuple(c for c in COMMANDS if scope in c.scopes)
    return own + tuple(c for c in COMMANDS if EVERYWHERE in c.scopes)


def keys_of(command: Command, keymap: Mapping[str, str]) -> tuple[str, ...]:
    """The keys of a command after the user's remapping (`keymap`: id → keys, comma separated)."""
    if command.id in keymap:
        return tuple(key.strip() for key in keymap[command.id].split(",") if key.strip())
    return command.keys


def key_text(key: str) -> str:
    """How a key is written for people."""
    return GLYPHS.get(key, key.replace("ctrl+", "^") if len(key) > 1 else key)


def conflicts(keymap: dict[str, str]) -> tuple[str, ...]:
    """Sentences: keys that a user's keymap gives to two commands which both work in one place."""
    found: dict[str, None] = {}
    for scope in SCOPES:
        owners: dict[str, Command] = {}
        for command in in_scope(scope):
            for key in keys_of(command, keymap):
                other = owners.setdefault(key, command)
                if other is not command and {other.id, command.id} & set(keymap):
                    found[f"{key_text(key)} is both {other.id} and {command.id} in {scope}"] = None
    return tuple(found)


def unknown_ids(keymap: Iterable[str]) -> tuple[str, ...]:
    """Ids in a user's keymap that name no command."""
    return tuple(name for name in keymap if name not in BY_ID)
