"""How the embedded mesh does at the scale of issue 3: start-up, memory, and flows served to one client.

    .venv/bin/python benchmarks/simulator.py [SECONDS]

Start-up is from launch to the ready line, with the CPU time the process took for it and, beside it, the time a bare
Python takes to decode and encode as many objects as JSON: that ratio holds on any machine. Flows are counted at one
grpcio client that follows one Relay and decodes nothing, beside the rate that was asked for, and beside the same loop
on a Relay that sends recorded bytes as fast as they are read (`relay_server.py`).
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path

import grpc

from meshtui.hubble.pb import observer_pb2
from meshtui.sim import SimOptions, launch

OPTIONS = SimOptions(state="global", clusters=8, nodes=50, services=5000, flow_rate=10_000)
TICKS = os.sysconf("SC_CLK_TCK")


def usage(pid: int) -> tuple[float, float]:
    """(CPU seconds, peak memory in MB) of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    peak = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return (int(fields[11]) + int(fields[12])) / TICKS, int(peak.split()[1]) / 1024


def child() -> int:
    """The simulator's process: our only child."""
    return int(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()[0])


def bare_json() -> float:
    """CPU seconds to decode and encode one Service and one slice for each generated service."""
    text = json.dumps({"metadata": {"name": "a", "labels": {"b": "c"}}, "spec": {"ports": [{"port": 80}] * 2}})
    began = time.process_time()
    for _ in range(OPTIONS.clusters * OPTIONS.services * 2):
        json.dumps(json.loads(text))
    return time.process_time() - began


def count(target: str, seconds: float, *, follow: bool) -> tuple[int, float]:
    """Messages that arrived in that time, or until the end of the stream, and how long it took."""
    channel = grpc.insecure_channel(target, options=[("SingleThreadedUnaryStream", 1)])
    call = channel.unary_stream(
        "/observer.Observer/GetFlows", request_serializer=observer_pb2.GetFlowsRequest.SerializeToString
    )(observer_pb2.GetFlowsRequest(follow=follow), timeout=seconds + 30)
    next(call)
    began, number = time.perf_counter(), 0
    for _ in call:
        number += 1
        if time.perf_counter() - began > seconds:
            break
    took = time.perf_counter() - began
    call.cancel()
    channel.close()
    return number, took


async def bare_rate(seconds: float) -> float:
    """Flows per second of the same loop on recorded bytes."""
    server = await asyncio.create_subprocess_exec(
        sys.executable, str(Path(__file__).parent / "relay_server.py"), "60000", stdout=asyncio.subprocess.PIPE
    )
    assert server.stdout is not None
    try:
        port = int(await server.stdout.readline())
        number, took = await asyncio.to_thread(count, f"127.0.0.1:{port}", seconds, follow=False)
    finally:
        server.kill()
        await server.wait()
    return number / took


async def main(seconds: float) -> None:
    bare = await bare_rate(seconds)
    json_seconds = bare_json()
    began = time.perf_counter()
    async with launch(OPTIONS) as running:
        started = time.perf_counter() - began
        pid = child()
        cpu, peak = usage(pid)
        print(f"start-up   {started:6.2f} s, CPU {cpu:.2f} s = {cpu / json_seconds:.1f} x bare JSON of as many objects")
        print(f"memory     {peak:6.0f} MB at start")
        target = running.relays["koornacht"]
        number, took = await asyncio.to_thread(count, target, seconds, follow=True)
        after, peak = usage(pid)
        print(f"flows/s    {number / took:6.0f} of {OPTIONS.flow_rate} asked for, to one client over {took:.1f} s")
        print(f"bare       {bare:6.0f} flows/s in the same loop, of recorded bytes without a simulator")
        print(f"CPU        {(after - cpu) / (time.perf_counter() - began - started) * 100:6.0f} % of one core")
        print(f"memory     {peak:6.0f} MB at the end")


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else 10.0))
