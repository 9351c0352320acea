"""Failures as the API server tells them: HTTP status and a Status object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class ApiError(Exception):
    """One failed request: `code`, `reason`, `message` and `details` of its Status."""

    def __init__(self, code: int, reason: str, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
        self.continue_token = ""

    def status(self) -> dict[str, Any]:
        """The Status object, fields in the order the real server writes them."""
        body: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {"continue": self.continue_token} if self.continue_token else {},
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            body["reason"] = self.reason
        if self.details is not None:
            body["details"] = self.details
        body["code"] = self.code
        return body


class NoSuchPath(Exception):
    """A path that no group serves: plain text, not a Status."""


def _details(name: str, group: str, kind: str) -> dict[str, Any]:
    found = {"name": name, "group": group, "kind": kind}
    return {key: value for key, value in found.items() if value}


def qualified(plural: str, group: str) -> str:
    """`services`, `deployments.apps`: how messages name a resource."""
    return f"{plural}.{group}" if group else plural


def not_found(plural: str, group: str, name: str) -> ApiError:
    """404 for one object."""
    return ApiError(404, "NotFound", f'{qualified(plural, group)} "{name}" not found', _details(name, group, plural))


def already_exists(plural: str, group: str, name: str) -> ApiError:
    """409 for a create."""
    return ApiError(
        409,
        "AlreadyExists",
        f'{qualified(plural, group)} "{name}" already exists',
        _details(name, group, plural),
    )


def conflict(plural: str, group: str, name: str, why: str = "") -> ApiError:
    """409 for a stale resourceVersion or a failed precondition."""
    why = why or ("the object has been modified; please apply your changes to the latest version and try again")
    return ApiError(
        409,
        "Conflict",
        f'Operation cannot be fulfilled on {qualified(plural, group)} "{name}": {why}',
        _details(name, group, plural),
    )


def unauthorized() -> ApiError:
    """401 for credentials nobody knows."""
    return ApiError(401, "Unauthorized", "Unauthorized")


def forbidden(user: str, verb: str, plural: str, group: str, namespace: str, name: str = "", why: str = "") -> ApiError:
    """403 for a request on a resource; `plural` may carry a subresource (`pods/exec`)."""
    base = plural.partition("/")[0]
    place = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
    subject = qualified(base, group) + (f' "{name}"' if name else "")
    message = f'{subject} is forbidden: User "{user}" cannot {verb} resource "{plural}" in API group "{group}" {place}'
    if why:
        message += f": {why}"
    return ApiError(403, "Forbidden", message, _details(name, group, base))


def denied(plural: str, group: str, name: str) -> ApiError:
    """403, as admission webhooks answer: the webhook's name and its words."""
    message = f'admission webhook "rules.team.example" denied the request: {plural} need the label team'
    return ApiError(403, "Forbidden", message, _details(name, group, plural))


def forbidden_path(user: str, verb: str, path: str) -> ApiError:
    """403 for a path that is no resource."""
    return ApiError(403, "Forbidden", f'forbidden: User "{user}" cannot {verb} path "{path}"', {})


def bad_request(message: str) -> ApiError:
    """400."""
    return ApiError(400, "BadRequest", message)


def method_not_allowed(plural: str = "") -> ApiError:
    """405 for a verb the resource does not know."""
    return ApiError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {})


def unsupported_media(got: str, known: Sequence[str]) -> ApiError:
    """415 for a body in a form the server does not read."""
    accepted = ", ".join(known)
    return ApiError(
        415,
        "UnsupportedMediaType",
        f"the body of the request was in an unknown format - accepted media types include: {accepted}",
    )


def expired(message: str) -> ApiError:
    """410: history does not reach back that far."""
    return ApiError(410, "Expired", message)


def internal(message: str) -> ApiError:
    """500 with the one cause repeated, as the real server does."""
    return ApiError(
        500,
        "InternalError",
        f"Internal error occurred: {message}",
        {"causes": [{"message": message}]},
    )


Cause = tuple[str, str, str]
"""(reason, message, field) of one thing wrong with an object."""


def invalid(kind: str, group: str, name: str, causes: Sequence[Cause]) -> ApiError:
    """422 naming every field at fault."""
    parts = [f"{field}: {message}" for _, message, field in causes]
    told = parts[0] if len(parts) == 1 else "[" + ", ".join(parts) + "]"
    details = _details(name, group, kind)
    details["causes"] = [{"reason": r, "message": m, "field": f} for r, m, f in causes]
    return ApiError(422, "Invalid", f'{qualified(kind, group)} "{name}" is invalid: {told}', details)


def required(field: str, text: str = "") -> Cause:
    """Cause: a field that must be there is not."""
    return ("FieldValueRequired", f"Required value{': ' + text if text else ''}", field)


def wrong(field: str, value: str, text: str) -> Cause:
    """Cause: a field holds what it may not; `value` is written as JSON."""
    return ("FieldValueInvalid", f"Invalid value: {value}: {text}", field)


def unsupported(field: str, value: str, known: Sequence[str]) -> Cause:
    """Cause: a field holds none of the values it may hold."""
    listed = ", ".join(f'"{k}"' for k in known)
    return ("FieldValueNotSupported", f"Unsupported value: {value}: supported values: {listed}", field)
