"""One object's lines: what kubectl describe tells a person, who wrote which annotation, events, YAML, commands."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from meshtui.core.model.manifest import ObjectEvent, folded, who_wrote, writers
from meshtui.core.model.resources import Resource
from meshtui.mesh.describe import Description
from meshtui.tui.widgets import status
from meshtui.tui.widgets.paint import Line, Span, safe

_LONG = 400
"""Characters of a value that are shown."""


def commands(context: str, resource: Resource, namespace: str, name: str) -> tuple[str, str]:
    """The kubectl line that shows the object, and the k9s line that opens it."""
    where = f" -n {shlex.quote(namespace)}" if namespace else ""
    kubectl = f"kubectl --context {shlex.quote(context)}{where} describe {resource.plural} {shlex.quote(name)}"
    k9s = f"k9s --context {shlex.quote(context)}{where} --command {resource.plural}"
    return kubectl, k9s


def describe_lines(
    found: Description, context: str, resource: Resource, namespace: str, name: str, width: int
) -> list[Line]:
    """Commands first, then metadata with its writers, what else there is in short, events last."""
    lines: list[Line] = [
        [Span(" $ ", "dim"), Span(line, "key")] for line in commands(context, resource, namespace, name)
    ]
    if found.error is not None:
        return [*lines, (), *status.error_lines(found.error, width)]
    meta = found.document.get("metadata") or {}
    lines += [(), _field("created", str(meta.get("creationTimestamp", ""))), *_writers(found.document)]
    lines += _mapping("annotations", meta.get("annotations"), found.document)
    lines += _mapping("labels", meta.get("labels"))
    for part in ("spec", "status"):
        if found.document.get(part):
            lines += [(), [Span(f" {part}", "strong")], *yaml_lines(found.document[part], indent=2)]
    return [*lines, (), *_events(found, width)]


def _field(name: str, value: str, role: str = "") -> Line:
    return [Span(f" {name:<12}", "dim"), Span(safe(value, _LONG), role)]


def _writers(document: Mapping[str, Any]) -> list[Line]:
    found = writers(document)
    lines: list[Line] = []
    for number, writer in enumerate(found):
        part = f" ({writer.subresource})" if writer.subresource else ""
        what = f"{writer.operation.lower()}{part}, {writer.fields} fields"
        lines.append(
            [Span(f" {'written by' if not number else '':<12}", "dim"), Span(safe(writer.manager, 60), "info"),
             Span(f"  {safe(writer.time, 30)}  {safe(what, 60)}", "dim")]
        )  # fmt: skip
    return lines


def _mapping(name: str, values: Any, document: Mapping[str, Any] | None = None) -> list[Line]:
    if not isinstance(values, Mapping) or not values:
        return []
    lines: list[Line] = [(), [Span(f" {name}", "strong")]]
    for key, value in sorted(values.items()):
        line = [Span(f"   {safe(str(key), 120)}: ", "dim"), Span(safe(str(value), _LONG))]
        writer = who_wrote(document, str(key)) if document is not None else None
        if writer is not None:
            line.append(Span(f"   set by {safe(writer.manager, 40)} at {safe(writer.time, 30)}", "info"))
        lines.append(line)
    return lines


def _events(found: Description, width: int) -> list[Line]:
    lines: list[Line] = [[Span(" events", "strong")]]
    if found.events_error is not None:
        return [*lines, *status.error_lines(found.events_error, width)]
    return [*lines, *(_event(told) for told in found.events)] if found.events else [*lines, [Span("   none", "dim")]]


def _event(told: ObjectEvent) -> Line:
    role = "warn" if told.kind == "Warning" else ""
    times = f" ×{told.count}" if told.count > 1 else ""
    glyph = status.WARNING if told.kind == "Warning" else "·"
    head = [Span(f"   {safe(told.time, 30)} ", "dim"), Span(f"{glyph} {safe(told.reason, 60)}{times}  ", role)]
    return [*head, Span(safe(told.message, _LONG)), Span(f"  {safe(told.source, 60)}", "dim")]


def document_lines(document: Mapping[str, Any]) -> list[Line]:
    """The whole object as YAML, managedFields folded into one line of their writers."""
    names = ", ".join(dict.fromkeys(writer.manager for writer in writers(document)))
    lines = yaml_lines(folded(document))
    return [*lines, [Span(f" # managedFields: {safe(names, 200)}", "dim")]] if names else lines


def yaml_lines(value: Any, *, indent: int = 0) -> list[Line]:
    """YAML with keys and values told apart; nothing of it is read as markup."""
    import yaml

    text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=10_000)
    return [_yaml_line(line, indent) for line in text.splitlines()]


def _yaml_line(line: str, indent: int) -> Sequence[Span]:
    line = safe(line, 2000)
    body = line.lstrip(" ")
    pad = " " * (1 + indent + len(line) - len(body))
    dash = "- " if body.startswith("- ") else ""
    key, colon, rest = body.removeprefix(dash).partition(":")
    if colon and (not rest or rest.startswith(" ")) and not key.startswith(("'", '"')):
        return [Span(f"{pad}{dash}", "dim"), Span(f"{key}:", "key"), Span(rest)]
    return [Span(f"{pad}{dash}", "dim"), Span(body.removeprefix(dash))]
