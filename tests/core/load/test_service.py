"""What is expected of a load test: nothing is, of a cluster that was not read."""

from __future__ import annotations

from meshtui.core.findings import findings_for
from meshtui.core.load.service import prediction
from meshtui.core.load.spec import LoadSpec
from meshtui.core.model import resources as r
from tests.core.recorded import KEY, mesh_of

SPEC = LoadSpec("http://rebel-base/", "koornacht")


def test_a_cluster_that_was_not_read_makes_no_answer_impossible() -> None:
    mesh = mesh_of(4)
    assert prediction(mesh, SPEC) == (KEY, {"koornacht": 0.5, "tion": 0.5}, "")
    del mesh.clusters["tion"].objects[r.SERVICES]
    assert prediction(mesh, SPEC) == (KEY, None, "")
    assert findings_for(mesh, KEY) == [], "nor is it said to lack the service"
