"""How long a person waits: exec to first paint, to all panes filled, and from a key to its paint.

    .venv/bin/python benchmarks/dashboard.py [--rounds 5] [--size 120x40]

Everything is measured in a pseudo-terminal against one `meshtui simulate`, beside one yardstick of the same run, an
empty Textual app. Read the ratios, the milliseconds are of one machine.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from row import Row
from terminal import Terminal

EMPTY_APP = """
from textual.app import App
from textual.widgets import Static
class Empty(App):
    BINDINGS = [("j", "tick", "tick")]
    n = 0
    def compose(self):
        yield Static("ready", id="s")
    def action_tick(self):
        self.n += 1
        self.query_one("#s").update(f"ready {self.n}")
Empty().run()
"""


def p95(values: list[float]) -> float:
    return sorted(values)[max(0, round(len(values) * 0.95) - 1)]


def filled(text: str) -> bool:
    """Nodes, a service with its endpoints, and a live source of flows, for both clusters."""
    return all(part in text for part in ("koornacht-control", "tion-control", "rebel-base", "2/2"))


def empty_app(rounds: int, columns: int, rows: int) -> tuple[list[float], list[float]]:
    paints, keys = [], []
    for _ in range(rounds):
        terminal = Terminal([sys.executable, "-c", EMPTY_APP], columns=columns, rows=rows)
        paints.append(terminal.until(lambda text: "ready" in text))
        terminal.quiet(0.5)
        keys += [terminal.key_to_paint("j", lambda before, after: before != after) for _ in range(10)]
        terminal.close()
    return paints, keys


def dashboard(kubeconfig: str, rounds: int, columns: int, rows: int) -> tuple[list[float], list[float], list[float]]:
    first, full, keys = [], [], []
    for _ in range(rounds):
        argv = [sys.executable, "-m", "meshtui", "--kubeconfig", kubeconfig]
        terminal = Terminal(argv, columns=columns, rows=rows)
        first.append(terminal.until(lambda text: "meshtui" in text and "Clusters" in text))
        full.append(terminal.until(filled))
        terminal.quiet(0.3, limit=2)
        terminal.press("2")
        terminal.quiet(0.3, limit=2)
        for key in "jkjkjkjkjk":
            keys.append(painted(terminal, key))
            terminal.quiet(0.1, limit=0.5)
        terminal.close()
    return first, full, keys


def painted(terminal: Terminal, key: str) -> float:
    """Seconds from the key to the first cell that changed its colours or text on the services pane."""
    before = snapshot(terminal)
    pressed = time.monotonic()
    terminal.press(key)
    while time.monotonic() - pressed < 5:
        if terminal.read(0.1) and snapshot(terminal) != before:
            return time.monotonic() - pressed
    raise TimeoutError(terminal.text)


def snapshot(terminal: Terminal) -> list[tuple[str, str, bool]]:
    """Characters and background of the left column's rows, where the services' cursor is drawn."""
    buffer, columns = terminal.screen.buffer, terminal.screen.columns
    return [
        (buffer[y][x].data, buffer[y][x].bg, buffer[y][x].reverse)
        for y in range(2, terminal.screen.lines - 2)
        for x in range(2, columns // 2 - 4, 3)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", default="120x40")
    options = parser.parse_args()
    columns, rows = map(int, options.size.split("x"))
    simulate = subprocess.Popen(
        [sys.executable, "-m", "meshtui", "simulate", "--state", "deployed"], stdout=subprocess.PIPE, text=True
    )
    assert simulate.stdout
    try:
        ready = json.loads(simulate.stdout.readline())
        base_paint, base_keys = empty_app(options.rounds, columns, rows)
        first, full, keys = dashboard(ready["kubeconfig"], options.rounds, columns, rows)
    finally:
        simulate.terminate()
        simulate.wait()
    median = statistics.median
    print(f"size {options.size}, {options.rounds} starts, {len(keys)} keys")
    print(f"{'':28}{'meshtui':>10}{'empty app':>12}{'ratio':>8}")
    row = "{:28}{:>8.0f}ms{:>10.0f}ms{:>8.2f}"
    print(
        row.format(
            "exec to first paint, median",
            median(first) * 1e3,
            median(base_paint) * 1e3,
            median(first) / median(base_paint),
        )
    )
    print(
        row.format(
            "exec to filled, median", median(full) * 1e3, median(base_paint) * 1e3, median(full) / median(base_paint)
        )
    )
    print(
        row.format(
            "key to paint, median", median(keys) * 1e3, median(base_keys) * 1e3, median(keys) / median(base_keys)
        )
    )
    Row("dashboard: exec to filled", median(full), "s", "an empty Textual app's first paint", median(base_paint)).say()
    Row("dashboard: key to paint p95", p95(keys) * 1e3, "ms", "an empty Textual app", p95(base_keys) * 1e3).say()
    print(row.format("key to paint, p95", p95(keys) * 1e3, p95(base_keys) * 1e3, p95(keys) / p95(base_keys)))


if __name__ == "__main__":
    main()
