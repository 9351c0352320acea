"""What `cilium-dbg` says in words: services, endpoints, encryption, version, metrics."""

from __future__ import annotations

from typing import Any

from meshtui.sim.builds import Build
from meshtui.sim.dbg.output import table

Object = dict[str, Any]
_ENFORCED = {"none": (False, False), "ingress": (True, False), "egress": (False, True), "both": (True, True)}


def version(made: Build) -> str:
    """`cilium-dbg version`."""
    return f"Client: {made.line}\nDaemon: {made.line}\n"


def version_object(made: Build) -> Object:
    """`cilium-dbg version -o json`."""
    one = {
        "Version": made.version,
        "Revision": made.commit,
        "GoRuntimeVersion": made.go,
        "Arch": "linux/amd64",
        "AuthorDate": made.date,
    }
    return {"Client": one, "Daemon": dict(one)}


def encryption(mode: str) -> str:
    """`cilium-dbg encrypt status`."""
    return f"Encryption: {mode:<26}\n"


def services(found: list[Object]) -> str:
    """`cilium-dbg service list`."""
    rows = [["ID", "Frontend", "Service Type", "Backend"]]
    for service in found:
        spec = service["status"]["realized"]
        at = spec["frontend-address"]
        head = [str(spec["id"]), f"{at['ip']}:{at['port']}/{at['protocol']}", spec["flags"]["type"]]
        lines = [
            f"{number} => {b['ip']}:{b['port']}/{b['protocol']} ({b['state']})"
            for number, b in enumerate(spec["backend-addresses"], 1)
        ]
        rows.append([*head, lines[0] if lines else ""])
        rows += [["", "", "", line] for line in lines[1:]]
    return table(rows)


def endpoints(found: list[Object], *, headers: bool = True) -> str:
    """`cilium-dbg endpoint list`."""
    rows = []
    if headers:
        names = ("ENDPOINT", "POLICY (ingress)", "POLICY (egress)", "IDENTITY", "LABELS (source:key[=value])")
        rows += [[*names, "IPv6", "IPv4", "STATUS", ""], ["", "ENFORCEMENT", "ENFORCEMENT", "", "", "", "", "", ""]]
    for each in found:
        status = each["status"]
        on = ["Enabled" if flag else "Disabled" for flag in _ENFORCED[status["policy"]["realized"]["policy-enabled"]]]
        address = next((a["ipv4"] for a in status["networking"].get("addressing") or ()), "")
        first, *rest = status["labels"]["security-relevant"] or ["no labels"]
        identity = str(status["identity"]["id"])
        rows.append([str(each["id"]), *on, identity, first, "", address, status["state"], ""])
        rows += [["", "", "", "", label, "", "", "", ""] for label in rest]
    return table(rows)


def metrics(found: list[Object]) -> str:
    """`cilium-dbg metrics list`."""
    rows = [["Metric", "Labels", "Value"]]
    for metric in found:
        labels = " ".join(f'{k}="{v}"' for k, v in sorted((metric.get("labels") or {}).items()))
        rows.append([metric["name"], labels, f"{metric['value']:f}"])
    return table(rows)
