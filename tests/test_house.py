"""The rules of the house that no other tool checks: sizes, docstrings, lock files, paths of one machine."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
GENERATED = ROOT / "meshtui/hubble/pb"


def modules() -> Iterator[Path]:
    for path in (ROOT / "meshtui").rglob("*.py"):
        if GENERATED not in path.parents:
            yield path


def test_no_module_is_longer_than_400_lines() -> None:
    assert {str(p.relative_to(ROOT)): n for p in modules() if (n := len(p.read_text().splitlines())) > 400} == {}


def test_no_function_is_longer_than_60_lines() -> None:
    long = {}
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                if lines > 60:
                    long[f"{path.relative_to(ROOT)}:{node.name}"] = lines
    assert long == {}


def test_every_module_says_what_it_is_for() -> None:
    assert [str(p) for p in modules() if not ast.get_docstring(ast.parse(p.read_text()))] == []


def test_lock_files_record_hashes_and_no_address() -> None:
    for lock in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / lock).read_text()
        assert "--hash=sha256:" in text
        assert "://" not in text
    assert not (ROOT / "uv.lock").exists()


def test_only_the_command_line_writes_to_stdout_or_stderr() -> None:
    offenders = []
    for path in modules():
        if "cli" in path.relative_to(ROOT / "meshtui").parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
                offenders.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert offenders == []


def test_every_room_stands_on_the_map() -> None:
    """Core's and the dashboard's in their own tables, the others' with their layer's name."""
    everything = (ROOT / "ARCHITECTURE.md").read_text()
    sections = everything.split("\n## ")
    tables = {
        layer: next(section for section in sections if section.startswith(title))
        for layer, title in (("core", "Core's rooms"), ("tui", "The dashboard's rooms"))
    }
    missing = []
    for path in sorted((ROOT / "meshtui").glob("*/*/__init__.py")):
        layer, room = path.parts[-3:-1]
        named = f"`{room}/`" in tables[layer] if layer in tables else f"`{layer}/{room}/`" in everything
        if not named:
            missing.append(f"{layer}/{room}")
    assert missing == []
