"""One cluster behind two contexts is shown once, the twin named; the same one every time (report 07)."""

from __future__ import annotations

import yaml

from meshtui.core.model import resources as r
from meshtui.core.settings import Settings
from meshtui.mesh.scope import Scope
from meshtui.mesh.session import Session
from meshtui.mesh.targets import choose
from tests.mesh.conftest import FAST
from tests.waiting import GUARD

SCOPE = Scope((r.SERVICES, r.ENDPOINTSLICES), access=False, flows=False)


def twins_of(path, folder):
    """The mesh's kubeconfig with a second context for its first cluster, by another name of its host."""
    document = yaml.safe_load(path.read_text())
    (first, *_) = document["clusters"]
    again = {**first["cluster"], "server": first["cluster"]["server"].replace("127.0.0.1", "localhost")}
    context = next(c for c in document["contexts"] if c["context"]["cluster"] == first["name"])
    document["clusters"].append({"name": "fqdn", "cluster": again})
    document["contexts"].append(
        {"name": f"{context['name']}-fqdn", "context": {**context["context"], "cluster": "fqdn"}}
    )
    written = folder / "twins.yaml"
    written.write_text(yaml.safe_dump(document))
    return written


async def test_one_cluster_in_two_contexts_is_shown_once(lab, tmp_path):
    settings = Settings(kubeconfig=twins_of(lab.running.kubeconfig, tmp_path), state_directory=tmp_path / "state")
    async with Session(choose(settings, {}), settings, pace=FAST, scope=SCOPE) as session:
        assert await session.settled(GUARD)
        mesh = session.mesh
        assert list(mesh.clusters) == ["koornacht", "tion"]
        assert mesh.aliases == {"koornacht-fqdn": "koornacht"}
        assert mesh.clusters["koornacht"].aliases == ("koornacht-fqdn",)
        assert [target.context for target in session.targets] == ["koornacht", "tion"]
        assert not [c for c in mesh.clusters.values() if c.namesake]


async def test_the_twin_that_was_named_first_is_shown(lab, tmp_path):
    contexts = ("koornacht-fqdn", "koornacht", "tion")
    settings = Settings(
        kubeconfig=twins_of(lab.running.kubeconfig, tmp_path), contexts=contexts, state_directory=tmp_path / "state"
    )
    async with Session(choose(settings, {}), settings, pace=FAST, scope=SCOPE) as session:
        assert await session.settled(GUARD)
        assert session.mesh.aliases == {"koornacht": "koornacht-fqdn"}
