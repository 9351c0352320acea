"""Service tables and health reports in the shape of each version's agents, as recorded in a mesh of two."""

from __future__ import annotations

from typing import Any

import pytest

from meshtui.sim import agents
from tests.sim.worlds import world

BACKEND = {"ip", "nodeName", "port", "state", "weight"}


@pytest.mark.parametrize(("cluster", "newer"), [("koornacht", {"preferred", "protocol"}), ("tion", set())])
def test_service_tables(cluster: str, newer: set[str]) -> None:
    made = world("global", cilium_version="koornacht=1.20,tion=1.17")
    where = made.clusters[cluster]
    node = where.store.list(("", "nodes"))[0]["metadata"]["name"]
    for each in agents.service_list(made, where, node):
        for held in (each["spec"], each["status"]["realized"]):
            assert set(held["frontend-address"]) == {"ip", "port", "scope", *(newer & {"protocol"})}
            for backend in held["backend-addresses"]:
                assert set(backend) | {"nodeName"} == BACKEND | newer


@pytest.mark.parametrize(("cluster", "tells"), [("koornacht", True), ("tion", False)])
def test_health_reports(cluster: str, tells: bool) -> None:
    made = world("global", cilium_version="koornacht=1.20,tion=1.17")
    where = made.clusters[cluster]
    node = where.store.list(("", "nodes"))[0]["metadata"]["name"]
    report: dict[str, Any] = agents.health(made, where, node)
    assert ("probeInterval" in report) is tells
    for each in report["nodes"]:
        for address in (each["endpoint"], each["host"]["primary-address"], each["health-endpoint"]["primary-address"]):
            assert ["lastProbed" in address["http"], "lastProbed" in address["icmp"]] == [tells, tells]
