"""Clusters that are not joined give each other nothing, whatever the annotations say: in the plain list, too."""

from __future__ import annotations

from pathlib import Path

from meshtui.sim import SimOptions, launch
from tests.cli.conftest import Command
from tests.cli.test_people import clients

SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "hubble-relay-too", "annotations": {"service.cilium.io/global": "true"}},
    "spec": {"ports": [{"port": 80, "targetPort": 4245}], "selector": {"k8s-app": "hubble-relay"}},
}


async def test_a_global_service_of_two_clusters_before_they_are_joined(tmp_path: Path) -> None:
    async with launch(SimOptions(state="mesh-enabled")) as running:
        for client in clients(running, tmp_path).values():
            with client:
                client.post("/api/v1/namespaces/kube-system/services", json=SERVICE).raise_for_status()
        ran = await Command(str(running.kubeconfig))("services", "-A", "--filter", "name:relay-too", "-o", "json")
    assert ran.code == 0, ran.err
    found = {row["cluster"]: row["counts"] for row in ran.data}
    assert found == {"koornacht": {"koornacht": 1}, "tion": {"tion": 1}}
