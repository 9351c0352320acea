"""The config file's schema and page: every key is there, every example is taken, the page is the settings' own."""

from __future__ import annotations

import tomllib
from pathlib import Path

import jsonschema
import pytest

from meshtui.core.configuration import EXAMPLES, page, schema
from meshtui.core.errors import ConfigError
from meshtui.core.settings import NAMES, resolve
from meshtui.tui import commands as c


def test_the_page_is_made_from_the_settings() -> None:
    assert (Path(__file__).parents[2] / "docs/configuration.md").read_text() == page()


@pytest.mark.parametrize("name", [name for name in NAMES if name != "meshes"])
def test_every_example_is_taken_and_held_by_the_schema(name: str) -> None:
    file = tomllib.loads(f"{name} = {EXAMPLES[name]}")
    settings = resolve({}, {}, file)
    assert settings.origins[name] == "file"
    jsonschema.Draft202012Validator(schema()).validate(file)


def test_the_schema_refuses_what_is_no_key() -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema()).validate({"name_spaces": []})


def test_a_mesh_says_of_its_contexts_what_holds_however_they_are_opened() -> None:
    text = """
    protected = ["other"]
    [mesh.shop]
    contexts = ["prod-*"]
    protected = true
    read_only = true
    relays = { prod-eu = "relay:4245" }
    """
    file = tomllib.loads(text)
    jsonschema.Draft202012Validator(schema()).validate(file)
    settings = resolve({}, {}, file)
    assert settings.protected == ("other", "prod-*")
    assert settings.read_only_contexts == ("prod-*",)
    assert dict(settings.relays) == {"prod-eu": "relay:4245"}
    assert settings.mesh == ""


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({}, "it names no contexts"),
        ({"contexts": ["a"], "protect": True}, "'protected'"),
        ({"contexts": ["a"], "protected": "yes"}, "true or false"),
        ({"contexts": ["a"], "relays": "a=b:1"}, "expected a table"),
    ],
)
def test_a_mesh_that_is_none_is_refused(table: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve({}, {}, {"mesh": {"shop": table}})
    assert said in f"{caught.value.title} {caught.value.cause} {caught.value.hint}"


def test_a_keymap_that_gives_one_key_to_two_commands_is_told() -> None:
    assert c.conflicts({}) == ()
    assert c.conflicts({"services.global": "u"}) == ("u is both services.global and services.undo in services",)
    assert c.conflicts({"services.global": "ctrl+g"}) == ()
