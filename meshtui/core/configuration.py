"""The config file as data: every key with its kind, default, meaning and example; its JSON schema; its docs page."""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from meshtui.core.settings import KINDS, NAMES, Settings
from meshtui.core.settingtables import ANSI, BASES, GROUNDS, ROLES

EXAMPLES: Mapping[str, str] = {
    "kubeconfig": '"/home/ann/.kube/mesh"',
    "contexts": '["prod-eu", "prod-us-*"]',
    "mesh": '"shop"',
    "namespaces": '["shop", "pay"]',
    "all_namespaces": "true",
    "request_timeout": '"5s"',
    "read_only": "true",
    "read_only_contexts": '["prod-*"]',
    "protected": '["prod-*"]',
    "trusted": '["staging"]',
    "relays": '{ prod-eu = "relay.eu.example:4245" }',
    "relay_ca": '["prod-eu=/etc/relay/ca.crt"]',
    "relay_cert": '["/etc/relay/tls.crt"]',
    "relay_key": '["/etc/relay/tls.key"]',
    "relay_server_name": '["ui.hubble-relay.cilium.io"]',
    "as_user": '"ann"',
    "as_groups": '["viewers"]',
    "as_uid": '"1001"',
    "as_user_extra": '{ team = ["shop"] }',
    "insecure_skip_tls_verify": "true",
    "tls_server_name": '"kubernetes"',
    "flow_capacity": "50000",
    "flow_source": '"agents"',
    "theme": '"light"',
    "themes": '{ mine = { base = "dark", ok = "#6cb4ff" } }',
    "cluster_colors": '{ prod-eu = "#e8b45f", prod-us = "cyan" }',
    "load_count": "20",
    "load_concurrency": "4",
    "load_max_time": '"500ms"',
    "load_client": '"curl"',
    "color": "false",
    "utc": "true",
    "ascii": "true",
    "mouse": "false",
    "clipboard": '"osc52"',
    "keymap": '{ "services.global" = "ctrl+g" }',
    "filters": '{ unshared = "is:global ann:shared=false", refused = "verdict:dropped cross-cluster:yes" }',
    "cluster_field": '"Cluster"',
    "cluster_header": '"X-Cluster"',
    "state_directory": '"/var/lib/meshtui"',
}
_WORDS = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
_COLOUR = {"type": "string", "pattern": f"^(#[0-9a-fA-F]{{6}}|(bright_)?({'|'.join(ANSI)}))$"}
_THEME: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "base": {"enum": list(BASES)},
        "clusters": {"type": "array", "items": _COLOUR, "maxItems": 8},
        **dict.fromkeys((*ROLES, *GROUNDS), _COLOUR),
    },
}
_SHAPES: Mapping[str, dict[str, Any]] = {
    "words": _WORDS,
    "_boolean": {"type": "boolean"},
    "_text": {"type": "string"},
    "_path": {"type": "string", "minLength": 1},
    "_count": {"type": "integer", "minimum": 1},
    "seconds": {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string"}]},
    "_pairs": {"type": "object", "additionalProperties": {"type": "string", "minLength": 1}},
    "_relays": {"type": "object", "additionalProperties": {"type": "string", "pattern": ":[0-9]+$"}},
    "_many": {"type": "object", "additionalProperties": _WORDS},
    "_colors": {"type": "object", "additionalProperties": _COLOUR},
    "_themes": {"type": "object", "additionalProperties": _THEME},
    "_clipboard": {"enum": ["auto", "native", "osc52", "off"]},
    "_flow_source": {"enum": ["auto", "relay", "agents"]},
}
_MESH: dict[str, Any] = {
    "type": "object",
    "required": ["contexts"],
    "additionalProperties": False,
    "properties": {
        "contexts": _WORDS,
        "protected": {"type": "boolean"},
        "read_only": {"type": "boolean"},
        "relays": _SHAPES["_relays"],
        "colors": _SHAPES["_colors"],
        "load": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                **dict.fromkeys(("count", "concurrency"), _SHAPES["_count"]),
                "max_time": _SHAPES["seconds"],
                "client": {"type": "string"},
            },
        },
    },
}
_KEYS = tuple(name for name in NAMES if name != "meshes")


def schema() -> dict[str, Any]:
    """The JSON schema of config.toml."""
    told = meanings()
    properties = {
        name: {**_SHAPES.get(KINDS[name][0].__name__, {"type": "string"}), "description": told[name]} for name in _KEYS
    }
    tables = {"type": "object", "additionalProperties": _MESH, "description": "Meshes by name."}
    properties["mesh"] = {"anyOf": [{"type": "string"}, tables], "description": told["mesh"]}
    return {"type": "object", "additionalProperties": False, "properties": properties}


def meanings() -> dict[str, str]:
    """Setting → its sentence, as the class says it."""
    [body] = (node.body for node in ast.parse(inspect.getsource(Settings)).body if isinstance(node, ast.ClassDef))
    found = {}
    for node, after in pairwise(body):
        told = after.value if isinstance(after, ast.Expr) else None
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and isinstance(told, ast.Constant):
            found[node.target.id] = " ".join(str(told.value).split())
    return found


def page() -> str:
    """docs/configuration.md."""
    told = meanings()
    defaults = {name: _default(getattr(Settings(), name)) for name in Settings.__struct_fields__}
    lines = [
        "# Configuration",
        "",
        "Made from the settings themselves by `tools/configuration.py`: do not edit it here.",
        "",
        "A setting is a flag, else an environment variable (`MESHTUI_` and its name in capitals), else a key of the",
        "config file, else its default; `meshtui info` says which. The file is `config.toml` where `meshtui info`",
        "says, or what `MESHTUI_CONFIG` names. A key that does not exist is refused, with the nearest that does;",
        "`meshtui schema config` prints the file's JSON schema.",
        "",
        "## Meshes by name",
        "",
        "    [mesh.shop]",
        '    contexts = ["prod-eu", "prod-us-*"]   # names or patterns; `meshtui --mesh shop` opens them',
        "    protected = true                      # a change needs the context's name typed, however they are opened",
        "    read_only = false                     # true: nothing is changed in them",
        '    relays = { prod-eu = "relay.eu.example:4245" }',
        '    colors = { prod-eu = "#e8b45f", prod-us-1 = "cyan" }',
        '    load = { count = 20, concurrency = 4, max_time = 1.0, client = "curl" }   # with `--mesh shop`',
        "",
        "## Themes of one's own",
        "",
        '    theme = "mine"',
        "",
        "    [themes.mine]",
        f'    base = "dark"            # what is not said is taken from it: {", ".join(BASES)}',
        '    ok = "#6cb4ff"           # colours are #rrggbb, or red, bright_cyan and so on: the terminal\'s own',
        '    bad = "#ff9a5c"',
        '    clusters = ["#e8b45f", "#4fc1e9"]',
        "",
        f"A theme colours {', '.join(ROLES)} on the lines,",
        f"{', '.join(GROUNDS)} around them, and up to eight `clusters` in their order. `cluster_colors` and a",
        "mesh's `colors` come before a theme's.",
        "",
        "## Every key",
        "",
    ]
    for name in _KEYS:
        lines += [
            f"### {name}",
            "",
            told[name],
            "",
            f"Takes {KINDS[name][1]}. Default: {defaults[name]}.",
            "",
            f"    {name} = {EXAMPLES[name]}",
            "",
        ]
    return "\n".join(lines).rstrip() + "\n"


def _default(value: Any) -> str:
    if value is None or (value != 0 and not value) or (isinstance(value, Mapping) and not value):
        return "none"
    return f"`{value}`" if isinstance(value, Path) else f"`{json.dumps(value)}`"
