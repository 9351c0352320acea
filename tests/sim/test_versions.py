"""Clusters of different versions of Cilium in one embedded mesh."""

from __future__ import annotations

import pytest

from meshtui.sim.datapath.policybook import default_cluster
from meshtui.sim.datapath.view import view
from meshtui.sim.options import VERSIONS, SimOptions
from tests.sim.worlds import world


def test_one_version_is_everybodys() -> None:
    options = SimOptions(cilium_version="1.18")
    assert [options.version_of(name) for name in options.cluster_names] == ["1.18", "1.18"]


def test_each_cluster_may_have_its_own() -> None:
    options = SimOptions(clusters=3, cilium_version="koornacht=1.20,tion=1.17.3")
    assert [options.version_of(name) for name in options.cluster_names] == ["1.20", "1.17.3", "1.21"]
    assert SimOptions(cilium_version="1.19,tion=1.17").version_of("koornacht") == "1.19"


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("1.16", "does not know Cilium 1.16; versions: 1.17, 1.18, 1.19, 1.20, 1.21"),
        ("new", "'new' is not a version of Cilium"),
        ("hoth=1.20", "there is no cluster 'hoth'; there are koornacht, tion"),
        ("koornacht=", "'' is not a version of Cilium"),
    ],
)
def test_what_is_not_known_is_refused(written: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        SimOptions(cilium_version=written)


def test_a_mesh_of_two_versions_has_the_rules_of_both() -> None:
    made = world("global", cilium_version="koornacht=1.20,tion=1.17")
    new, old = (view(cluster) for cluster in made.clusters.values())
    assert (new.version, old.version) == ((1, 20), (1, 17))
    assert (default_cluster(new), default_cluster(old)) == ("koornacht", "")
    assert (new.config()["mesh-auth-enabled"], old.config()["mesh-auth-enabled"]) == ("false", "true")
    assert "policy-default-local-cluster" not in old.config()
    assert "enable-node-port" in old.config()
    assert "enable-node-port" not in new.config()


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_writes_its_own_configuration(version: tuple[int, int]) -> None:
    text = f"{version[0]}.{version[1]}"
    known = view(world(cilium_version=text).clusters["koornacht"])
    config = known.config()
    assert known.version == version
    assert config.get("policy-default-local-cluster") == {(1, 17): None, (1, 18): "false"}.get(version, "true")
    assert config["cluster-name"] == "koornacht"
