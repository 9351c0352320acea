"""Settings: which place wins, what each place may hold, and what a wrong one is told."""

from pathlib import Path

import pytest

from meshtui.core.errors import ConfigError
from meshtui.core.settings import NAMES, Settings, resolve


def test_defaults_are_said_to_be_defaults():
    settings = resolve({}, {}, {})
    assert settings == Settings(origins=settings.origins)
    assert set(settings.origins) == set(NAMES)
    assert set(settings.origins.values()) == {"default"}


def test_flag_beats_environment_beats_file():
    env = {"MESHTUI_REQUEST_TIMEOUT": "5"}
    file = {"request_timeout": 7}
    assert resolve({}, {}, file).request_timeout == 7
    assert resolve({}, env, file).request_timeout == 5
    assert resolve({"request_timeout": "250ms"}, env, file).request_timeout == 0.25
    assert resolve({"request_timeout": None}, env, file).origins["request_timeout"] == ("env MESHTUI_REQUEST_TIMEOUT")


def test_kubeconfig_of_the_environment_silences_the_files_but_stays_a_path_list():
    settings = resolve({}, {"KUBECONFIG": "a:b"}, {"kubeconfig": "c"})
    assert settings.kubeconfig is None
    assert settings.origins["kubeconfig"] == "env KUBECONFIG"
    assert resolve({"kubeconfig": "d"}, {"KUBECONFIG": "a"}, {}).kubeconfig == Path("d")


def test_no_color_needs_a_value():
    assert resolve({}, {"NO_COLOR": "1"}, {}).color is False
    assert resolve({}, {"NO_COLOR": ""}, {}).color is True
    assert resolve({}, {"NO_COLOR": "1", "MESHTUI_COLOR": "yes"}, {}).color is True


def test_tables_and_lists_from_every_place():
    assert dict(resolve({"relays": ["k=h:1", "t=[::1]:2"]}, {}, {}).relays) == {"k": "h:1", "t": "[::1]:2"}
    assert dict(resolve({}, {"MESHTUI_RELAYS": "k=h:1; t=h:2"}, {}).relays) == {"k": "h:1", "t": "h:2"}
    assert dict(resolve({}, {}, {"keymap": {"quit": "q,ctrl+c"}}).keymap) == {"quit": "q,ctrl+c"}
    assert resolve({}, {"MESHTUI_CONTEXTS": "a, b"}, {}).contexts == ("a", "b")


def test_unknown_key_names_the_nearest():
    with pytest.raises(ConfigError) as caught:
        resolve({}, {}, {"name_spaces": ["a"]}, origin="config.toml")
    assert "config.toml" in caught.value.title
    assert "'namespaces'" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("request_timeout", "soon"),
        ("request_timeout", 0),
        ("request_timeout", True),
        ("request_timeout", "nan"),
        ("relays", ["nohost"]),
        ("relays", {"k": "h:99999"}),
        ("flow_capacity", 1.5),
        ("flow_capacity", -1),
        ("read_only", "maybe"),
        ("namespaces", [1]),
        ("theme", 3),
        ("kubeconfig", 3),
    ],
)
def test_values_of_the_wrong_kind_are_refused(name, raw):
    with pytest.raises(ConfigError) as caught:
        resolve({}, {}, {name: raw})
    assert name in caught.value.title
    assert caught.value.cause.startswith("expected ")


MESHES = {
    "load_count": 5,
    "mesh": {
        "shop": {"contexts": ["a", "b"], "colors": {"a": "#ff8800"}, "load": {"count": 30, "client": "curl"}},
        "pay": {"contexts": ["p-*"], "colors": {"p-*": "cyan"}, "load": {"max_time": "500ms"}},
    },
}


def test_colours_hold_everywhere_and_a_load_test_s_defaults_in_the_mesh_that_is_opened():
    every = resolve({}, {}, MESHES, origin="f")
    assert dict(every.cluster_colors) == {"a": "#ff8800", "p-*": "cyan"}
    assert (every.load_count, every.load_client, every.origins["load_count"]) == (5, "x-wing", "f")
    shop = resolve({"mesh": "shop"}, {}, MESHES, origin="f")
    assert (shop.load_count, shop.load_client, shop.load_max_time) == (30, "curl", 2.0)
    assert (shop.origins["load_count"], shop.origins["load_client"]) == ("f [mesh.shop]", "f [mesh.shop]")
    assert resolve({}, {"MESHTUI_MESH": "pay"}, MESHES).load_max_time == 0.5
    assert resolve({"mesh": "shop", "load_count": 7}, {}, MESHES).origins["load_count"] == "flag"


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ({"mesh": {"a": {"contexts": ["x"], "colours": {}}}}, "did you mean 'colors'?"),
        ({"mesh": {"a": {"contexts": ["x"], "colors": {"x": "mauve"}}}}, "#rrggbb"),
        ({"mesh": {"a": {"contexts": ["x"], "load": {"counts": 3}}}}, "did you mean 'count'?"),
        ({"themes": {"mine": {"okay": "#000000"}}}, "did you mean 'ok'?"),
        ({"themes": {"mine": {"base": "darc"}}}, "dark"),
        ({"themes": {"mine": {"ok": "#0000"}}}, "#rrggbb"),
        ({"themes": {"mine": {"clusters": ["red"] * 9}}}, "8 colours"),
        ({"themes": ["mine"]}, "are tables"),
        ({"cluster_colors": {"x": "mauve"}}, "a table of context to colour"),
    ],
)
def test_tables_are_refused_with_the_nearest_that_is_known(file, said):
    with pytest.raises(ConfigError) as caught:
        resolve({}, {}, file, origin="config.toml")
    error = caught.value
    assert said in f"{error.title} {error.cause} {error.hint}"
