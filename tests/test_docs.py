"""The documentation tells the truth: links lead somewhere, commands parse, every finding has its line."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from meshtui.core.findings.model import Kind

ROOT = Path(__file__).parent.parent
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), *(ROOT / name for name in ("README.md", "ARCHITECTURE.md",
         "CONTRIBUTING.md", "SECURITY.md"))]  # fmt: skip
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
PLACEHOLDERS = ("NAME", "FILE", "SHELL", "HOST", "…", "VERB", "CONTEXT", "NS/", "URL")


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_to_a_file(page: Path) -> None:
    broken = [
        target
        for target in LINK.findall(page.read_text())
        if "://" not in target and not target.startswith("mailto:") and not (page.parent / target).exists()
    ]
    assert broken == []


def commands(page: Path) -> Iterator[list[str]]:
    """Lines of code blocks that begin with `meshtui`, and such calls between backticks that are whole."""
    for line in page.read_text().splitlines():
        if re.match(r" {4,}(\$ )?(meshtui|\./dev demo)\b", line) and "[" not in line:
            yield shlex.split(line.strip().removeprefix("$ "), comments=True)
    for call in re.findall(r"`(meshtui [^`]+)`", page.read_text()):
        if not any(word in call for word in PLACEHOLDERS) and "[" not in call and "|" not in call:
            yield shlex.split(call)


def parse(words: list[str]) -> None:
    from meshtui.cli.parser import build

    parser = build()
    parser.parse_args(words)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_is_one_that_the_parser_takes(page: Path) -> None:
    for words in commands(page):
        rest = [word for word in words[1:] if word != "\\"]
        cut = next((at for at, word in enumerate(rest) if word in ("|", ">", "&&", "&", "2>/dev/null")), len(rest))
        parse(rest[:cut])


def test_every_finding_has_a_line_that_says_what_to_do() -> None:
    page = (ROOT / "docs" / "findings.md").read_text()
    assert [kind.value for kind in Kind if f"| {kind.value} |" not in page] == []


def test_the_site_has_every_page() -> None:
    listed = re.findall(r"([\w/-]+\.md)", (ROOT / "mkdocs.yml").read_text())
    there = {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")}
    assert there - set(listed) == set()
    assert set(listed) - there == set()


@pytest.mark.parametrize("role", sorted((ROOT / "deploy" / "roles").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_roles_are_whole_documents(role: Path) -> None:
    documents = list(yaml.safe_load_all(role.read_text()))
    assert all(document["kind"] in ("ClusterRole", "Role") and document["rules"] for document in documents)
