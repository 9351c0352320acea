"""Walks the whole road in a real terminal, tmux, and writes what a person sees at each step to docs/road.md.

.venv/bin/python tools/record_road.py [--size 120x40] [FILE]

It fails when a step's screen does not come to say what it must.
"""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 40.0
SOCKET = "meshtui-road"


@dataclass(frozen=True)
class Step:
    """Keys to press, the pattern the screen must come to show, and the sentence that introduces it."""

    say: str
    keys: tuple[str, ...]
    wait: str
    within: float = PATIENCE


ROAD = (
    Step(
        "Both clusters, their nodes and links, before anything is shared.",
        (),
        r"mesh ✔ ready 2/2[\s\S]*K → K 2 · T → T 2",
    ),
    Step("`l`: ten requests from Koornacht's x-wing, all answered by Koornacht.", ("l",), r"10/10[\s\S]*koornacht 10 "),
    Step("`G`: rebel-base becomes global in both clusters; both API servers confirmed.", ("2", "G"), r"K 2, T 2"),
    Step("`l` again: both clusters answer.", ("l",), r"10/10[\s\S]*koornacht \d+ [\s\S]*tion \d+ "),
    Step("`p`: the clusters' policies. There are none.", ("p",), r"no policies: everything may talk"),
    Step("`a`: those of the lab can be applied.", ("a",), r"Apply to all clusters[\s\S]*default-deny"),
    Step("`enter` on default-deny: it is in place in both clusters.", ("Enter",), r"T tion ✔ present"),
    Step(
        "Back, and `l`: the first request times out, and its DROPPED flows stand beside it.",
        ("Escape", "l"),
        r"Policy denied[\s\S]*1/10",
    ),
    Step("Ten time-outs.", (), r"10/10[\s\S]*timed out 10 "),
    Step("`u`: the policy is taken back.", ("2", "u"), r"every agent has dropped it · undo: apply [\s\S]*default-deny"),
    Step("`l` once more: requests are answered again.", ("l",), r"10/10[\s\S]*koornacht \d+ [\s\S]*tion \d+ "),
)


def tmux(*arguments: str) -> str:
    """Run one tmux command on a server of our own."""
    return subprocess.run(("tmux", "-L", SOCKET, *arguments), check=True, capture_output=True, text=True).stdout


def screen() -> str:
    """The terminal as it is now."""
    return tmux("capture-pane", "-p", "-t", "road")


def walk(size: str) -> Iterator[tuple[Step, float, str]]:
    """Each step with the seconds its screen took and the screen."""
    columns, rows = size.split("x")
    command = shlex.join([sys.executable, "-m", "meshtui", "demo", "--seed", "5"])
    tmux("new-session", "-d", "-s", "road", "-x", columns, "-y", rows, command)
    tmux("set-option", "-g", "escape-time", "20")
    try:
        for step in ROAD:
            for key in step.keys:
                tmux("send-keys", "-t", "road", key)
                time.sleep(0.3)  # a person's fingers: escape and the next key are not one
            started = time.monotonic()
            while not re.search(step.wait, screen()):
                if time.monotonic() - started > step.within:
                    raise SystemExit(f"never saw {step.wait!r} after: {step.say}\n{screen()}")
                time.sleep(0.1)
            yield step, time.monotonic() - started, screen()
    finally:
        subprocess.run(("tmux", "-L", SOCKET, "kill-server"), check=False, capture_output=True)


def main() -> None:
    """Walk and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="120x40")
    parser.add_argument("file", nargs="?", default="docs/road.md")
    options = parser.parse_args()
    pages = [
        "# The whole road, as a terminal shows it\n",
        "Recorded by `tools/record_road.py`: tmux, the embedded mesh, the keys a person presses.\n",
    ]
    for step, seconds, text in walk(options.size):
        sys.stdout.write(f"{seconds:5.1f} s  {step.say}\n")
        pages.append(f"## {step.say}\n\n```text\n{text.rstrip()}\n```\n")
    Path(options.file).write_text("\n".join(pages))


if __name__ == "__main__":
    main()
