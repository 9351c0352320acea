"""`--watch` of verbs that list: all rows, then what comes, changes and goes, until it is interrupted or over."""

from __future__ import annotations

import asyncio
import json
import signal

from tests.cli.conftest import Command
from tests.waiting import GUARD

POLICY = """\
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: closed, namespace: default}
spec: {endpointSelector: {matchLabels: {name: nobody}}, ingress: [{}]}
"""


async def told(process: asyncio.subprocess.Process, **wanted: object) -> dict[str, object]:
    """The first line from here on that has these values."""
    assert process.stdout is not None
    while True:
        line = json.loads(await asyncio.wait_for(process.stdout.readline(), GUARD))
        if wanted.items() <= line.items():
            return line  # type: ignore[no-any-return]


async def test_rows_are_told_as_they_come_change_and_go(lab, tmp_path) -> None:
    meshtui, _ = lab
    (tmp_path / "policy.yaml").write_text(POLICY)
    verbs = ("services", "findings", "policies")
    services, findings, policies = [await meshtui.begin(verb, "--watch", "-o", "jsonl") for verb in verbs]
    try:
        await told(services, change="there", service="default/rebel-base", cluster="tion")
        words = ("annotate", "rebel-base", "--context", "tion", "--global", "-", "--yes", "--wait")
        assert (await meshtui(*words)).code == 0
        changed = await told(services, change="changed", cluster="tion")
        assert changed["global"] is False
        await told(findings, change="new", kind="GLOBAL_ALONE")
        assert (await meshtui("undo", "--yes")).code == 0
        await told(findings, change="gone", kind="GLOBAL_ALONE")
        file = str(tmp_path / "policy.yaml")
        assert (await meshtui("policies", "apply", file, "--context", "tion", "--yes")).code == 0
        await told(policies, change="new", name="closed")
        assert (await meshtui("policies", "delete", file, "--context", "tion", "--yes")).code == 0
        await told(policies, change="gone", name="closed")
    finally:
        for process in (services, findings, policies):
            process.send_signal(signal.SIGINT)
            await asyncio.wait_for(process.communicate(), GUARD)
            assert process.returncode == 130


async def test_a_table_is_watched_until_the_time_is_over(lab) -> None:
    meshtui, _ = lab
    ran = await meshtui("nodes", "--watch", "--timeout", "1s")
    assert ran.code == 0
    head, *rows = ran.out.splitlines()
    assert head.split()[:3] == ["CHANGE", "CLUSTER", "NAME"]
    assert [row.split()[:2] for row in rows] == [["there", "koornacht"], ["there", "tion"]]


async def test_usage() -> None:
    command = Command("/nowhere")
    for words in (
        ("nodes", "--watch", "-o", "yaml"),
        ("services", "explain", "a/b", "--watch"),
        ("findings", "--watch", "--wait"),
    ):
        assert (await command(*words)).code == 2
