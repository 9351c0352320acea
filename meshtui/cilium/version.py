"""Which Cilium runs, from the agent's DaemonSet."""

from __future__ import annotations

import re

from meshtui.core.model.objects import DaemonSet

_TAG = re.compile(r":v?(\d+)\.(\d+)[^:/@]*(?:@.*)?$")
_CHART = re.compile(r"^cilium-v?(\d+)\.(\d+)")


def of_daemonset(daemonset: DaemonSet) -> tuple[int, int]:
    """(major, minor) from the agent image's tag, else from the Helm chart's label, else (0, 0)."""
    for container in daemonset.spec.template.spec.containers or ():
        if container.name == "cilium-agent":
            found = _TAG.search(container.image)
            if found:
                return int(found[1]), int(found[2])
    chart = _CHART.match(daemonset.labels.get("helm.sh/chart", ""))
    return (int(chart[1]), int(chart[2])) if chart else (0, 0)
