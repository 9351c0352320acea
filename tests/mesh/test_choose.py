"""Which contexts a session looks at: by name, by pattern, by mesh, and what a picker is given."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from meshtui.core.errors import ConfigError
from meshtui.core.settings import Settings, resolve
from meshtui.mesh.targets import MOST, choices, choose


def kubeconfig(folder: Path, *names: str) -> Path:
    document = {
        "clusters": [
            {"name": f"c-{n}", "cluster": {"server": f"https://ann:pw12345@{i}.example.org"}}
            for i, n in enumerate(names)
        ],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": n, "context": {"cluster": f"c-{n}", "user": "u", "namespace": "shop"}} for n in names],
        "current-context": names[-1],
    }
    path = folder / "config"
    path.write_text(yaml.safe_dump(document))
    return path


def chosen(path: Path, *contexts: str, **settings: object) -> list[str]:
    return [t.context for t in choose(Settings(kubeconfig=path, contexts=contexts, **settings), {})]


NAMES = ("prod-a", "prod-b", "test-a", "odd[1]", "arn:aws:eks:eu-west-1:1:cluster/x")


def test_names_and_patterns_in_the_order_they_are_given(tmp_path):
    path = kubeconfig(tmp_path, *NAMES)
    assert chosen(path, "test-*", "prod-b", "prod-*") == ["test-a", "prod-b", "prod-a"]
    assert chosen(path, "odd[1]") == ["odd[1]"]  # a name is itself first
    assert chosen(path, "*cluster/x") == [NAMES[-1]]
    assert chosen(path) == list(NAMES)


@pytest.mark.parametrize(
    ("wanted", "title", "hint"),
    [
        ("stage-*", "no context matches 'stage-*'", "it has: "),
        ("prod-c", "no context is called 'prod-c'", "did you mean prod-"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(tmp_path, wanted, title, hint):
    with pytest.raises(ConfigError, match="no context") as caught:
        chosen(kubeconfig(tmp_path, *NAMES), wanted)
    assert title in caught.value.title
    assert hint in caught.value.hint


def test_a_mesh_of_the_settings(tmp_path):
    path = kubeconfig(tmp_path, *NAMES)
    file = {"mesh": {"shop": {"contexts": ["prod-*"]}, "lab": {"contexts": ["test-a"]}}}
    settings = resolve({"mesh": "shop", "kubeconfig": path}, {}, file)
    assert [t.context for t in choose(settings, {})] == ["prod-a", "prod-b"]
    assert [c.meshes for c in choices(settings, {})][:3] == [("shop",), ("shop",), ("lab",)]
    with pytest.raises(ConfigError, match="name no mesh 'shop2'") as caught:
        choose(resolve({"mesh": "shop2", "kubeconfig": path}, {}, file), {})
    assert caught.value.hint == "meshes there: shop, lab"
    assert resolve({}, {"MESHTUI_MESH": "lab"}, file).mesh == "lab"


@pytest.mark.parametrize("table", [{}, {"context": ["a"]}, {"contexts": ["a"], "x": 1}, "a"])
def test_a_mesh_that_is_none(table):
    with pytest.raises(ConfigError, match=r"\[mesh.shop\] in file is no mesh"):
        resolve({}, {}, {"mesh": {"shop": table}})


def test_more_than_can_be_shown_at_once_says_how_to_choose(tmp_path):
    path = kubeconfig(tmp_path, *(f"c{i}" for i in range(MOST + 1)))
    with pytest.raises(ConfigError, match="17 clusters") as caught:
        chosen(path)
    assert "--context NAME or 'PATTERN*'" in caught.value.hint
    assert "[mesh.NAME]" in caught.value.hint
    with pytest.raises(ConfigError) as caught:
        chosen(path, meshes={"shop": ("c1",)})
    assert "--mesh NAME: shop" in caught.value.hint
    assert len(chosen(path, "c*")) == MOST + 1


def test_what_a_picker_is_given(tmp_path):
    found = choices(Settings(kubeconfig=kubeconfig(tmp_path, *NAMES)), {})
    last = found[-1]
    assert (last.context, last.cluster, last.namespace, last.user, last.current) == (
        NAMES[-1],
        f"c-{NAMES[-1]}",
        "shop",
        "u",
        True,
    )
    assert last.server == "https://4.example.org"  # without what is written before the @
