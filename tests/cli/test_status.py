"""`meshtui status`: its exit codes, its schema, what it waits for and the changes it tells."""

from __future__ import annotations

import asyncio
import json
import signal
from typing import Any

import httpx

from meshtui.sim.launch import launch
from meshtui.sim.options import SimOptions
from tests.cli.conftest import Command
from tests.waiting import GUARD


async def break_(running: Any, fault: str, **values: Any) -> None:
    async with httpx.AsyncClient(timeout=GUARD) as http:
        answer = await http.post(f"{running.control}/faults", json={"fault": fault, **values})
        assert answer.status_code == 201


def conforms(value: Any, schema: dict[str, Any], where: str = "$") -> None:
    """The parts of JSON Schema that the report's schema uses."""
    kinds = {"object": dict, "array": list, "string": str, "number": (int, float), "integer": int, "boolean": bool}
    kinds["null"] = type(None)
    wanted = schema.get("type", [])
    names = [wanted] if isinstance(wanted, str) else wanted
    assert not names or any(isinstance(value, kinds[name]) for name in names), (where, value, names)
    if "enum" in schema:
        assert value in schema["enum"], (where, value)
    if isinstance(value, dict):
        assert set(schema.get("required", ())) <= value.keys(), (where, value.keys())
        for key, each in schema.get("properties", {}).items():
            if key in value:
                conforms(value[key], each, f"{where}.{key}")
        if isinstance(schema.get("additionalProperties"), dict):
            for key, each in value.items():
                conforms(each, schema["additionalProperties"], f"{where}.{key}")
    if isinstance(value, list) and "items" in schema:
        for number, each in enumerate(value):
            conforms(each, schema["items"], f"{where}[{number}]")


async def test_the_report_is_as_its_schema_says_and_names_what_is_broken() -> None:
    async with launch(SimOptions(state="global", nodes=2, cilium_version="1.20")) as running:
        command = Command(str(running.kubeconfig))
        schema = (await command("status", "--schema")).data
        well = await command("status", "-o", "json")
        assert (well.code, well.data["findings"]) == (0, [])
        conforms(well.data, schema)
        assert {link["kvstoremesh"]["ready"] for link in well.data["links"]} == {True}
        parts = {part["component"] for part in well.data["clusters"][0]["components"]}
        assert {"cilium", "cilium-operator", "clustermesh-apiserver", "hubble-relay", "DNS"} <= parts

        await break_(running, "dns-gone", cluster="koornacht")
        await break_(running, "control-plane-only")
        broken = await command("status", "-o", "json")
        conforms(broken.data, schema)
        assert broken.code == 1
        assert {found["kind"] for found in broken.data["findings"]} == {"DNS_GONE", "CONTROL_BLOCKED"}
        assert all(found["since"] and found["advice"] and found["still_works"] for found in broken.data["findings"])
        assert broken.data["summary"] == "names don't resolve in koornacht · 2 links failing"
        table = await command("status")
        assert table.out.startswith("mesh failing: names don't resolve in koornacht · 2 links failing\n")
        waited = await command("status", "--wait", "--timeout", "2s")
        assert waited.code == 4
        assert "not all is well after 2 s" in waited.err


async def test_changes_of_verdicts_are_told_as_they_happen() -> None:
    async with launch(SimOptions(state="global", nodes=2, cilium_version="1.20")) as running:
        process = await Command(str(running.kubeconfig)).begin("status", "--watch", "-o", "jsonl")

        async def until(**wanted: str) -> dict[str, Any]:
            while True:
                line = json.loads(await asyncio.wait_for(process.stdout.readline(), GUARD))
                if wanted.items() <= line.items():
                    return line

        first = await until(what="component", name="koornacht/DNS")
        assert (first["was"], first["verdict"]) == (None, "well")
        await break_(running, "dns-gone", cluster="koornacht")
        changed = await until(what="component", name="koornacht/DNS")
        assert (changed["was"], changed["verdict"]) == ("well", "failing")
        await until(what="finding", name="koornacht/DNS", verdict="names do not resolve")
        async with httpx.AsyncClient(timeout=GUARD) as http:
            await http.delete(f"{running.control}/faults")
        await until(what="finding", name="koornacht/DNS", verdict="over")
        process.send_signal(signal.SIGINT)
        await asyncio.wait_for(process.communicate(), GUARD)
        assert process.returncode == 130


async def test_usage() -> None:
    command = Command("/nowhere")
    assert (await command("status", "--watch", "-o", "yaml")).code == 2
    assert (await command("status", "--wait", "--timeout", "soon")).code == 2
