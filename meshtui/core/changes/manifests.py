"""Policies written as YAML: several documents and lists; what is no policy is named, what is a broken one refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from meshtui.core.errors import UsageError
from meshtui.core.model import resources as r

Manifest = dict[str, Any]
KINDS = {resource.kind: resource for resource in r.POLICIES}


class Written(Struct, frozen=True):
    """What a text, a file or a directory holds."""

    policies: list[Manifest]
    """In its order."""
    others: tuple[str, ...] = ()
    """What is no policy and is left out: `Service cart in shop.yaml, document 1`."""

    def alone(self) -> list[Manifest]:
        """The policies, where nothing but policies is meant. Raises UsageError."""
        if self.others:
            raise UsageError(f"{self.others[0]} is no policy", hint=f"kinds: {', '.join(KINDS)}")
        return self.policies

    @property
    def told(self) -> str:
        """What is left out, in a sentence; empty where nothing is."""
        return f"left out, as no policies: {'; '.join(self.others)}" if self.others else ""


def parse(text: str, source: str) -> Written:
    """The policies of a text; items of a List count one by one. `source` names it in failures.

    Raises UsageError where it is not YAML, holds a policy that no API server takes, or no policy at all.
    """
    import yaml

    try:
        documents = [each for each in yaml.safe_load_all(text) if each is not None]
    except yaml.YAMLError as error:
        raise UsageError(
            f"{source} is not YAML", cause=_place(error), hint="correct that line; nothing was sent"
        ) from error
    except RecursionError as error:
        raise UsageError(f"{source} is not YAML that can be read", cause="it is nested too deep") from error
    found = [
        each
        for number, document in enumerate(documents, 1)
        for each in _objects(document, f"{source}, document {number}" if len(documents) > 1 else source)
    ]
    others = tuple(each for each in found if isinstance(each, str))
    policies = [each for each in found if not isinstance(each, str)]
    if not policies:
        raise UsageError(f"{source} holds no policy", cause="; ".join(others[:6]), hint=f"kinds: {', '.join(KINDS)}")
    return Written(policies, others)


def _place(error: Exception) -> str:
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None) or str(error)
    told = " ".join(str(problem).split())
    return f"line {mark.line + 1}, column {mark.column + 1}: {told}" if mark is not None else told


def _objects(document: Any, source: str) -> Iterator[Manifest | str]:
    """Each policy in a document, and the name of everything else."""
    if not isinstance(document, dict):
        raise UsageError(f"{source} is no object of Kubernetes", cause=f"it is a {_word(document)}")
    kind, version = document.get("kind"), document.get("apiVersion")
    items = document.get("items")
    if isinstance(kind, str) and kind.endswith("List") and isinstance(items, list):
        for number, item in enumerate(items, 1):
            if isinstance(item, dict) and kind != "List":
                item = {"apiVersion": version, "kind": kind.removesuffix("List"), **item}
            yield from _objects(item, f"{source}, item {number}")
        return
    resource = KINDS.get(kind) if isinstance(kind, str) else None
    if resource is None:
        meta = document.get("metadata")
        name = meta.get("name") if isinstance(meta, dict) else ""
        yield f"{kind or 'an object without kind'} {name or ''}".rstrip() + f" in {source}"
        return
    if version != resource.api_version:
        cause = f"its apiVersion is {version or 'missing'}"
        raise UsageError(
            f"{source} is a {kind} that no API server takes", cause=cause, hint=f"use {resource.api_version}"
        )
    meta = document.get("metadata")
    if not isinstance(meta, dict) or not isinstance(meta.get("name"), str) or not meta["name"]:
        hint = (
            "generateName cannot be applied: give a name" if isinstance(meta, dict) and "generateName" in meta else ""
        )
        raise UsageError(f"{source} is a {kind} without metadata.name", hint=hint)
    for part, wanted in (("spec", dict), ("specs", list)):
        if document.get(part) is not None and not isinstance(document[part], wanted):
            raise UsageError(f"{source}: {part} of {meta['name']} is a {_word(document[part])}, not a {_NAMES[wanted]}")
    yield _bare(document, meta, resource)


_NAMES: dict[type, str] = {
    dict: "mapping",
    list: "list",
    str: "text",
    int: "number",
    float: "number",
    bool: "yes or no",
}


def _word(value: Any) -> str:
    return _NAMES.get(type(value), "value")


def _bare(document: Manifest, meta: Manifest, resource: r.Resource) -> Manifest:
    """Without what an API server wrote into an object that was got from it, or empties itself."""
    wanted = ("name", "labels", "annotations", *(("namespace",) if resource.namespaced else ()))
    kept = {k: v for k, v in meta.items() if k in wanted}
    last = "kubectl.kubernetes.io/last-applied-configuration"
    if isinstance(kept.get("annotations"), dict):
        kept["annotations"] = {k: v for k, v in kept["annotations"].items() if k != last}
    return {**{k: v for k, v in document.items() if k not in ("status", "metadata")}, "metadata": kept}


def twice(manifests: Sequence[Mapping[str, Any]], unnamed: str = "") -> str:
    """The policy that is written more than once; empty when none is. What names no namespace is in `unnamed`."""
    seen: set[tuple[str, str, str]] = set()
    for each in manifests:
        meta = each["metadata"]
        key = (str(each["kind"]), str(meta.get("namespace") or unnamed), str(meta["name"]))
        if key in seen:
            return f"{key[0]} {key[2]}"
        seen.add(key)
    return ""
