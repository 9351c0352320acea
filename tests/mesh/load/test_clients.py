"""Load from every kind of workload there is: report 30's own, a StatefulSet, selectors by expression, bare pods."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from meshtui.core.load.spec import Answer, LoadSpec
from tests.cli.test_people import clients
from tests.mesh.conftest import Lab
from tests.mesh.load.test_run import run
from tests.mesh.waiting import until

REPORT = Path(__file__).parents[2] / "recordings" / "reports" / "30-other-workloads" / "pods.yaml"
CONTAINERS = [{"name": "c", "image": "curlimages/curl:8.10.1"}]
PATHS = {
    "Pod": "/api/v1/namespaces/default/pods",
    "DaemonSet": "/apis/apps/v1/namespaces/default/daemonsets",
    "StatefulSet": "/apis/apps/v1/namespaces/default/statefulsets",
    "Deployment": "/apis/apps/v1/namespaces/default/deployments",
}


def workload(kind: str, name: str, selector: dict[str, Any], labels: dict[str, str]) -> dict[str, Any]:
    template = {"metadata": {"labels": labels}, "spec": {"containers": CONTAINERS}}
    spec = {"selector": selector, "template": template, **({"serviceName": name} if kind == "StatefulSet" else {})}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name, "namespace": "default"}, "spec": spec}


def pod(name: str, labels: dict[str, str]) -> dict[str, Any]:
    meta = {"name": name, "namespace": "default", "labels": labels}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"containers": CONTAINERS}}


def make(client: httpx.Client, *documents: dict[str, Any]) -> None:
    for document in documents:
        client.post(PATHS[document["kind"]], json=document).raise_for_status()


def by_expression(operator: str, *values: str) -> dict[str, Any]:
    return {"matchExpressions": [{"key": "app", "operator": operator, **({"values": values} if values else {})}]}


async def test_requests_go_out_from_each(lab: Lab, tmp_path: Path) -> None:
    made = [
        *yaml.safe_load_all(REPORT.read_text()),
        # Nobody makes a StatefulSet's pods in the embedded mesh: this is the one it would have.
        workload("StatefulSet", "db", {"matchLabels": {"app": "db"}}, {"app": "db"}),
        pod("db-0", {"app": "db"}),
        workload("Deployment", "chosen", by_expression("In", "chosen", "other"), {"app": "chosen"}),
    ]
    with clients(lab.running, tmp_path)["koornacht"] as client:
        make(client, *made)
    wanted = {
        "probe": "probe-",
        "ds/probe": "probe-",
        "toolbox": "toolbox",
        "pod/toolbox": "toolbox",
        "db": "db-0",
        "statefulset/db": "db-0",
        "chosen": "chosen-",
    }
    names = ("probe-", "toolbox", "db-0", "chosen-")
    async with lab.session() as session:
        pods = session.mesh.clusters["koornacht"].pods

        def ready() -> bool:
            running = [each.name for each in pods.values() if each.status.phase == "Running" and each.status.pod_ip]
            return all(any(each.startswith(name) for each in running) for name in names)

        await until(session, ready)
        for named, expected in wanted.items():
            spec = LoadSpec("rebel-base", context="koornacht", workload=named, count=2)
            requests, ended, started = await run(session, spec)
            assert (ended.problem, [each.answer for each in requests]) == ("", [Answer.ANSWERED] * 2), named
            assert started is not None
            assert started.pod.rpartition("/")[2].startswith(expected), named


@pytest.mark.parametrize("workload_", ["sts/probe", "deploy/probe", "nobody"])
async def test_what_is_not_there_is_told_by_its_kind(lab: Lab, tmp_path: Path, workload_: str) -> None:
    with clients(lab.running, tmp_path)["koornacht"] as client:
        make(client, *yaml.safe_load_all(REPORT.read_text()))
    async with lab.session() as session:
        spec = LoadSpec("rebel-base", context="koornacht", workload=workload_, count=1)
        requests, ended, _ = await run(session, spec)
    kind, _, name = workload_.rpartition("/")
    told = f"there is no {kind} {name}" if kind else "no Deployment, StatefulSet, DaemonSet or pod is called that"
    assert not requests
    assert told in ended.problem


async def test_a_right_that_is_missing_is_not_told_as_a_workload_that_is(lab: Lab) -> None:
    async with lab.session() as session:
        await lab.fault("forbid", cluster="koornacht", resource="statefulsets")
        spec = LoadSpec("rebel-base", context="koornacht", workload="sts/db", count=1)
        _, ended, _ = await run(session, spec)
    assert "statefulsets" in ended.problem
    assert "forbidden" in ended.problem
