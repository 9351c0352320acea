"""Which kubeconfig counts, how several merge, and the sentences for everything that can be wrong with one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from meshtui.core.errors import ConfigError
from meshtui.kube import kubeconfig
from meshtui.kube.contexts import list_contexts


def write(path: Path, *names: str, server: str = "https://127.0.0.1:6443", current: str = "", **extra) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {
        "clusters": [{"name": n, "cluster": {"server": server}} for n in names],
        "users": [{"name": n, "user": {"token": f"{path.stem}-{n}"}} for n in names],
        "contexts": [{"name": n, "context": {"cluster": n, "user": n, "namespace": path.stem, **extra}} for n in names],
    }
    if current:
        document["current-context"] = current
    path.write_text(yaml.safe_dump(document))
    return path


def names(contexts) -> list[str]:
    return [context.name for context in contexts]


def test_the_flag_names_the_only_file(tmp_path):
    flag, other = write(tmp_path / "a", "one", current="one"), write(tmp_path / "b", "two")
    contexts, current = list_contexts(flag, {"KUBECONFIG": str(other)})
    assert (names(contexts), current) == (["one"], "one")
    assert contexts[0].namespace == "a"


def test_the_first_file_of_the_list_wins(tmp_path):
    first, second = write(tmp_path / "a", "one"), write(tmp_path / "b", "one", "two", current="two")
    env = {"KUBECONFIG": os.pathsep.join([str(first), "", str(tmp_path / "missing"), str(second)])}
    contexts, current = list_contexts(None, env)
    assert [(c.name, c.namespace) for c in contexts] == [("one", "a"), ("two", "b")]
    assert current == "two"
    config = kubeconfig.load(None, env)
    assert kubeconfig.target(config, "one").user.text("token") == "a-one"


def test_home_is_the_fallback(tmp_path):
    write(tmp_path / ".kube" / "config", "home")
    contexts, current = list_contexts(None, {"HOME": str(tmp_path)})
    assert (names(contexts), current) == (["home"], None)


def test_relative_paths_start_at_their_own_file(tmp_path):
    first, second = write(tmp_path / "x" / "a", "one"), write(tmp_path / "y" / "b", "two")
    config = kubeconfig.load(None, {"KUBECONFIG": f"{first}{os.pathsep}{second}"})
    assert kubeconfig.target(config, "one").user.base == tmp_path / "x"
    assert kubeconfig.target(config, "two").cluster.base == tmp_path / "y"


def test_in_cluster(tmp_path, monkeypatch):
    for name, text in (("token", "t"), ("ca.crt", "c"), ("namespace", "mesh\n")):
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(kubeconfig, "SERVICE_ACCOUNT", tmp_path)
    env = {"HOME": str(tmp_path), "KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "6443"}
    contexts, current = list_contexts(None, env)
    assert (contexts[0].server, contexts[0].namespace, current) == ("https://[fd00::1]:6443", "mesh", "in-cluster")
    with pytest.raises(ConfigError):
        list_contexts(tmp_path / "missing", env)


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("", "holds no context"),
        ("clusters: []\n", "holds no context"),
        ("a: b: c\n", "is not YAML"),
        ("\x00\x01", "is not YAML"),
        ("just words", "is not a kubeconfig"),
        ("- a\n- b\n", "is not a kubeconfig"),
    ],
)
def test_files_that_are_no_kubeconfig(tmp_path, text, title):
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(ConfigError, match=title) as caught:
        list_contexts(path, {})
    assert caught.value.hint
    assert caught.value.exit_code == 2


def test_a_directory_is_told_from_a_missing_file(tmp_path):
    with pytest.raises(ConfigError, match="cannot read") as caught:
        list_contexts(tmp_path, {})
    assert caught.value.cause == "Is a directory"


def test_odd_parts_are_passed_over(tmp_path):
    path = tmp_path / "config"
    good = {"name": "good", "context": {"cluster": "c"}}
    document = {"clusters": 5, "users": {"a": 1}, "contexts": [7, {"name": 3}, {"name": "bare"}, good]}
    path.write_text(yaml.safe_dump(document))
    contexts, _ = list_contexts(path, {})
    assert [(c.name, c.cluster, c.server) for c in contexts] == [("bare", "", ""), ("good", "c", "")]


def test_a_broken_file_does_not_leak_its_content(tmp_path):
    path = tmp_path / "config"
    path.write_text("users:\n- name: x\n  user: {token: very-secret\n")
    with pytest.raises(ConfigError) as caught:
        list_contexts(path, {})
    assert "very-secret" not in f"{caught.value}{caught.value.hint}"
    assert caught.value.__cause__ is None


def test_no_kubeconfig_at_all_offers_the_demo(tmp_path):
    with pytest.raises(ConfigError, match="no kubeconfig found") as caught:
        list_contexts(None, {"HOME": str(tmp_path)})
    assert "meshtui demo" in caught.value.hint
    with pytest.raises(ConfigError, match="does not exist"):
        list_contexts(tmp_path / "nope", {})


def test_an_unknown_context_names_the_nearest_and_the_known(tmp_path):
    config = kubeconfig.load(write(tmp_path / "a", "kind-koornacht", "kind-tion"), {})
    with pytest.raises(ConfigError) as caught:
        kubeconfig.target(config, "kind-koornaht")
    assert "kind-koornacht, kind-tion" in caught.value.cause
    assert "did you mean --context kind-koornacht?" in caught.value.hint


@pytest.mark.parametrize("part", ["cluster", "user"])
def test_a_context_whose_parts_are_missing(tmp_path, part):
    path = write(tmp_path / "a", "one", **{part: "nowhere"})
    contexts, _ = list_contexts(path, {})
    assert names(contexts) == ["one"]
    with pytest.raises(ConfigError, match=f"names a {part} that is not there"):
        kubeconfig.target(kubeconfig.load(path, {}), "one")


@pytest.mark.parametrize(
    ("name", "server", "extensions", "local"),
    [
        ("kind-a", "https://127.0.0.1:1", None, True),
        ("k3d-a", "https://[::1]:1", None, True),
        ("minikube", "https://localhost:1", None, True),
        ("minikube", "https://192.168.49.2:8443", None, False),
        ("kind-a", "https://prod.example.com", None, False),
        ("koornacht", "https://127.0.0.1:1", None, False),
        ("koornacht", "https://127.0.0.1:1", [{"name": "meshtui.io/lab", "extension": True}], True),
        ("koornacht", "https://127.0.0.1:1", [{"name": "meshtui.io/lab", "extension": False}], False),
    ],
)
def test_local_labs(tmp_path, name, server, extensions, local):
    extra = {} if extensions is None else {"extensions": extensions}
    contexts, _ = list_contexts(write(tmp_path / "a", name, server=server, **extra), {})
    assert contexts[0].local is local
