"""The MCS-API's merging: derived names, precedence, and the words of each conflict."""

from __future__ import annotations

from typing import Any

import pytest

from meshtui.sim.operator.exports import Export, derived_name, merged, oldest_first

HTTP: dict[str, Any] = {"name": "http", "protocol": "TCP", "port": 80}
AT, OLDEST = "2026-11-28 10:00:00 +0000 UTC", 'from oldest service export in cluster "k".'
DNS: dict[str, Any] = {"name": "dns", "protocol": "UDP", "port": 53}


def export(cluster: str, *ports: dict[str, Any], created: str = "2026-11-28T10:00:00Z", **fields: Any) -> Export:
    return Export(cluster, created, fields.pop("type", "ClusterSetIP"), ports or (HTTP,), **fields)


def test_derived_names_are_ten_letters_of_a_hash() -> None:
    # echo -n default/rebel-base | sha256sum, in base32hex
    assert derived_name("default", "rebel-base") == "derived-q358ba8kk0"
    assert derived_name("other", "rebel-base") != derived_name("default", "rebel-base")


def test_the_oldest_export_comes_first_then_the_cluster_name() -> None:
    young, old = export("a", created="2026-11-28T11:00:00Z"), export("z")
    assert oldest_first([young, old, export("b")]) == [export("b"), old, young]


def test_equal_exports_have_no_conflict() -> None:
    assert merged([export("k"), export("t")]) == ([HTTP], "NoConflicts", "")


@pytest.mark.parametrize(
    ("other", "ports", "reason", "message"),
    [
        (
            export("t", HTTP, DNS), [HTTP, DNS], "PortConflict",
            'Ports from cluster "k" does not match ports of oldest service export in cluster "k".',
        ),
        (
            export("t", {**HTTP, "port": 8080}), [HTTP], "PortConflict",
            f'Duplicated port name "http". Using port definition "{{{{http TCP <nil> 80}} k {AT}}}" {OLDEST}',
        ),
        (
            export("t", {**HTTP, "name": "web"}), [HTTP], "PortConflict",
            f'Conflicting port name on "{{{{web TCP <nil> 80}} t {AT}}}". Using the port name "http" {OLDEST}',
        ),
        (
            export("t", type="Headless"), [HTTP], "TypeConflict",
            'Conflicting type. 1/2 clusters disagree. Using "ClusterSetIP" from oldest service export in cluster "k".',
        ),
        (
            export("t", affinity="ClientIP"), [HTTP], "SessionAffinityConflict",
            f'Conflicting sessionAffinity. 1/2 clusters disagree. Using "None" {OLDEST}',
        ),
        (
            export("t", annotations={"service.cilium.io/affinity": "local"}), [HTTP], "AnnotationsConflict",
            'Conflicting annotations. 1/2 clusters disagree. Using "map[]" from oldest service export in cluster "k".',
        ),
    ],
)  # fmt: skip
def test_conflicts(other: Export, ports: list[dict[str, Any]], reason: str, message: str) -> None:
    assert merged([export("k"), other]) == (ports, reason, message)
