"""What the tour says at each step, from its data file."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from string import Template

import msgspec
import yaml

from meshtui.lab.place import Place


class Question(msgspec.Struct, frozen=True):
    """A question whose answer the dashboard shows."""

    q: str
    a: str
    """Where the answer is."""


class Text(msgspec.Struct, frozen=True):
    """One step in words."""

    name: str
    title: str
    why: tuple[str, ...]
    """What is to be seen, and why: three sentences."""
    hint: str
    """What to look at when the check fails."""
    ask: tuple[Question, ...] = ()


@cache
def texts(file: str = "tour") -> dict[str, Text]:
    """Every step's words by name, in the file's order."""
    raw = yaml.safe_load(files("meshtui.lab").joinpath(f"{file}.yaml").read_text(encoding="utf-8"))
    return {text.name: text for text in msgspec.convert(raw, type=list[Text])}


def told(sentence: str, place: Place) -> str:
    """A sentence with the clusters' names and the namespace filled in."""
    values = {"first": place.first.name, "second": place.second.name, "namespace": place.namespace}
    return Template(sentence).safe_substitute(values)
