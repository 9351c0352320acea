"""Who may see but one namespace, who logs in by a plugin, whose context names a namespace, whose terminal is old."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.cli.conftest import Command
from tests.waiting import GUARD

ROLE = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "Role",
    "metadata": {"name": "dev", "namespace": "default"},
    "rules": [
        {
            "apiGroups": ["", "apps", "discovery.k8s.io", "cilium.io", "networking.k8s.io"],
            "resources": ["*"],
            "verbs": ["get", "list", "watch", "patch"],
        }
    ],
}
BINDING = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "RoleBinding",
    "metadata": {"name": "dev", "namespace": "default"},
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "dev"},
    "subjects": [{"kind": "User", "name": "eve", "apiGroup": "rbac.authorization.k8s.io"}],
}


def config_of(running: Any) -> dict[str, Any]:
    return yaml.safe_load(Path(running.kubeconfig).read_text())


def clients(running: Any, folder: Path) -> dict[str, httpx.Client]:
    """An administrator's way to each API server."""
    config = config_of(running)
    found = {}
    import base64
    import ssl

    for context in config["contexts"]:
        cluster = next(c for c in config["clusters"] if c["name"] == context["context"]["cluster"])["cluster"]
        user = next(u for u in config["users"] if u["name"] == context["context"]["user"])["user"]
        secure = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
        headers = {"Authorization": f"Bearer {user['token']}"} if "token" in user else {}
        if "client-key-data" in user:
            pem = folder / f"{context['name']}.pem"
            pem.write_bytes(
                b"\n".join(base64.b64decode(user[k]) for k in ("client-certificate-data", "client-key-data"))
            )
            secure.load_cert_chain(str(pem))
        found[context["name"]] = httpx.Client(base_url=cluster["server"], verify=secure, headers=headers)
    return found


@pytest.fixture
async def eve(lab, tmp_path) -> Command:
    """`meshtui` as somebody who may see and patch what is in `default`, and nothing else."""
    _, running = lab
    for client in clients(running, tmp_path).values():
        with client:
            base = "/apis/rbac.authorization.k8s.io/v1/namespaces/default"
            client.post(f"{base}/roles", json=ROLE).raise_for_status()
            client.post(f"{base}/rolebindings", json=BINDING).raise_for_status()
    async with httpx.AsyncClient(timeout=GUARD) as control:
        answer = (await control.post(f"{running.control}/users", json={"name": "eve"})).json()
    config = config_of(running)
    config["users"] = [{"name": name, "user": {"token": token}} for name, token in answer["tokens"].items()]
    for context in config["contexts"]:
        context["context"]["user"] = context["name"]
    path = tmp_path / "eve"
    path.write_text(yaml.safe_dump(config))
    return Command(str(path))


async def test_every_verb_works_for_what_a_person_of_one_namespace_may_see(eve):
    ran = await eve("-n", "default", "services", "--meshed", "-o", "json")
    assert (ran.code, [row["ready"] for row in ran.data]) == (0, [2, 2]), ran.err
    assert "koornacht: not seen for want of rights: " in ran.err
    assert "nodes" in ran.err
    ran = await eve("-n", "default", "policies")
    assert ran.code == 0, ran.err
    assert "not seen for want of rights: ciliumclusterwidenetworkpolicies" in ran.err
    ran = await eve("-n", "default", "services", "explain", "rebel-base")
    assert ran.code == 0, ran.err
    assert "rebel-base-" in ran.out
    ran = await eve("-n", "default", "annotate", "rebel-base", "--shared", "false", "--yes")
    assert ran.code == 0, ran.err
    # Without a namespace nothing can be listed: it is said how to name one.
    ran = await eve("services")
    assert ran.code == 5
    assert "name a namespace that you may see: -n NAMESPACE" in ran.err


async def test_a_contexts_namespace_is_the_default_and_a_for_all(lab, tmp_path):
    _, running = lab
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "cart"}, "spec": {"ports": [{"port": 80}]}}
    for client in clients(running, tmp_path).values():
        with client:
            client.post("/api/v1/namespaces", json={"metadata": {"name": "shop"}}).raise_for_status()
            for namespace in ("default", "shop"):
                client.post(f"/api/v1/namespaces/{namespace}/services", json=service).raise_for_status()
    config = config_of(running)
    for context in config["contexts"]:
        context["context"]["namespace"] = "shop"
    path = tmp_path / "shop"
    path.write_text(yaml.safe_dump(config))
    meshtui = Command(str(path))
    ran = await meshtui("annotate", "cart", "--global", "true", "--dry-run", "-o", "json")
    assert (ran.code, {row["object"] for row in ran.data}) == (0, {"shop/cart"}), ran.err
    ran = await meshtui("services", "explain", "cart", "-o", "json")
    assert (ran.data["namespace"], ran.data["name"]) == ("shop", "cart")
    assert {row["service"] for row in (await meshtui("services", "-o", "json")).data} == {"shop/cart"}
    everywhere = {row["service"] for row in (await meshtui("services", "-A", "-o", "json")).data}
    assert {"shop/cart", "default/cart", "kube-system/kube-dns"} <= everywhere
    ran = await meshtui("services", "-n", "default", "explain", "cart", "-o", "json")
    assert (ran.data["namespace"], ran.data["name"]) == ("default", "cart")


PROMPT = "To sign in, open https://login.example.test/device and enter the code ABC-123"


async def test_a_login_is_shown_on_standard_error_and_waited_for(lab, tmp_path):
    """Longer than a request may take, and once for both contexts of the same user."""
    _, running = lab
    config = config_of(running)
    token = next(u["user"]["token"] for u in config["users"] if "token" in u["user"])
    answer = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": token}}
    script = tmp_path / "plugin.py"
    script.write_text(
        f"import sys, time\nopen({str(tmp_path / 'starts')!r}, 'a').write('x')\n"
        f"print({PROMPT!r}, file=sys.stderr, flush=True)\ntime.sleep(4)\nprint({json.dumps(json.dumps(answer))})\n"
    )
    spec = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "interactiveMode": "IfAvailable",
    }
    user = {"exec": {**spec, "args": [str(script)]}}
    tion = next(c for c in config["contexts"] if c["name"] == "tion")["context"]
    config["users"].append({"name": "person", "user": user})
    config["contexts"] = [{"name": name, "context": {**tion, "user": "person"}} for name in ("one", "two")]
    path = tmp_path / "login"
    path.write_text(yaml.safe_dump(config))
    ran = await Command(str(path))(
        "nodes", "--context", "one", "--context", "two", "--request-timeout", "1", "-o", "json"
    )
    assert ran.code == 0, ran.err
    assert {row["context"] for row in ran.data} == {"one"} or {row["context"] for row in ran.data} == {"two"}, (
        "both contexts are of one cluster, which is shown once"
    )
    assert PROMPT in ran.err
    assert (tmp_path / "starts").read_text() == "x"


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "cp1252"])
async def test_a_terminal_that_is_not_utf8_gets_what_it_can_show(lab, encoding):
    _, running = lab
    meshtui = Command(str(running.kubeconfig), PYTHONIOENCODING=encoding)
    process = await meshtui.begin("services")
    out, err = await process.communicate()
    assert process.returncode == 0, err
    assert "rebel-base" in out.decode(encoding)
    assert b"this should not have happened" not in err
    process = await meshtui.begin("services", "-o", "yaml")
    out, err = await process.communicate()
    assert process.returncode == 0, err
    assert yaml.safe_load(out.decode(encoding))


async def test_findings_of_the_services_a_filter_leaves(lab, tmp_path):
    meshtui, running = lab
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "cart", "annotations": {"service.cilium.io/shared": "false"}},
        "spec": {"ports": [{"port": 80}]},
    }
    with clients(running, tmp_path)["koornacht"] as client:
        client.post("/api/v1/namespaces/default/services", json=service).raise_for_status()
    ran = await meshtui("services", "--findings", "-o", "json")
    assert ran.code == 1
    assert "default/cart" in {row["object"] for row in ran.data}
    ran = await meshtui("services", "--findings", "--filter", "rebel", "-o", "json")
    assert (ran.code, ran.data) == (0, [])
