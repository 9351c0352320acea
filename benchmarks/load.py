"""What a load test costs: ten requests beside `kubectl exec` of the same loop, and 1,000 results a second on screen.

    .venv/bin/python benchmarks/load.py [--rounds 7]

Both parts compare with a yardstick of the same run: read the ratios, the seconds are of one machine.
Needs kubectl for the first part. Everything talks to one `meshtui simulate`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from meshtui.core.load.spec import Answer, LoadSpec, Request  # noqa: E402
from meshtui.core.settings import Settings  # noqa: E402
from meshtui.mesh.scope import Scope  # noqa: E402
from meshtui.mesh.session import Session  # noqa: E402
from meshtui.mesh.targets import choose  # noqa: E402

LOOP = "for i in $(seq 1 10); do curl -s --max-time 2 rebel-base; done"


async def ten_requests(kubeconfig: str, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds of ten requests by a session, and by kubectl exec running the lab's loop, taken in turns."""
    settings = Settings(kubeconfig=Path(kubeconfig))
    ours, theirs = [], []
    async with Session(choose(settings, {}), settings, scope=Scope(flows=False, status=False)) as session:
        await session.settled(20)
        spec = LoadSpec("http://rebel-base", context="koornacht")
        command = ["kubectl", "--kubeconfig", kubeconfig, "--context", "koornacht", "exec", "deploy/x-wing", "--", "sh"]
        for _ in range(rounds + 1):
            begun = time.monotonic()
            events = [event async for event in session.load(spec)]
            ours.append(time.monotonic() - begun)
            assert sum(isinstance(event, Request) for event in events) == 10
            begun = time.monotonic()
            process = await asyncio.create_subprocess_exec(*command, "-c", LOOP, stdout=asyncio.subprocess.PIPE)
            out, _ = await process.communicate()
            theirs.append(time.monotonic() - begun)
            assert out.count(b"Cluster") == 10, out
    return ours[1:], theirs[1:]  # the first round warms up


async def frames(per_second: int, seconds: float) -> tuple[int, int]:
    """(times the pane was made anew, answers shown at the end) while answers arrive at that pace."""
    sys.path.insert(0, str(ROOT))
    from tests.tui.conftest import board_on
    from tests.tui.fakes import NOW

    async with board_on() as board:
        await board.press("l", "4")
        await board.until(lambda: board.session.specs)
        pane = board.app.board.load_pane
        count = 0
        rebuild = pane.rebuild

        def counted() -> None:
            nonlocal count
            count += 1
            rebuild()

        pane.rebuild = counted  # type: ignore[method-assign]
        begun = time.monotonic()
        made = 0
        while (passed := time.monotonic() - begun) < seconds:
            due = int(passed * per_second)
            for number in range(made + 1, due + 1):
                cluster = ("koornacht", "tion")[number % 2]
                board.session.answers.put_nowait(
                    Request(number, NOW + passed, Answer.ANSWERED, 0, 200, 0.002, cluster=cluster)
                )
            made = due
            await asyncio.sleep(0.01)
        drawn = count
        board.session.answers.put_nowait(None)
        await board.until(lambda: not pane.running)
        shown = pane.front[0].tally.total
        assert shown == made, (shown, made)
    return drawn, shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=5)
    options = parser.parse_args()
    if shutil.which("kubectl"):
        simulate = subprocess.Popen(
            [sys.executable, "-m", "meshtui", "simulate", "--state", "global"], stdout=subprocess.PIPE, text=True
        )
        assert simulate.stdout
        try:
            kubeconfig = json.loads(simulate.stdout.readline())["kubeconfig"]
            ours, theirs = asyncio.run(ten_requests(kubeconfig, options.rounds))
        finally:
            simulate.terminate()
            simulate.wait()
        mine, other = statistics.median(ours), statistics.median(theirs)
        print(
            f"ten requests, median of {options.rounds}: {mine:.3f} s, kubectl exec {other:.3f} s, "
            f"ratio {mine / other:.2f}"
        )
    else:
        print("ten requests: no kubectl to compare with")
    few, _ = asyncio.run(frames(50, options.seconds))
    many, shown = asyncio.run(frames(1000, options.seconds))
    print(
        f"frames in {options.seconds:g} s: {few} at 50 results/s, {many} at 1,000/s ({shown} shown), "
        f"ratio {many / few:.2f}"
    )


if __name__ == "__main__":
    main()
