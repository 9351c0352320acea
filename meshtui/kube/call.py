"""One request to one API server, for the words about its failure."""

from __future__ import annotations

import shlex

from msgspec import field

from meshtui.core.errors import ClusterError
from meshtui.core.text import clean
from meshtui.core.untold import Untold
from meshtui.kube.secrets import Secrets

_VERBS = {"get": "read", "list": "list", "watch": "watch", "patch": "change", "create": "create", "delete": "delete"}


class Call(Untold, frozen=True):
    """One request, for the words about its failure."""

    context: str
    server: str
    verb: str
    """As in RBAC: get, list, watch, patch, create, delete; for exec and port-forward `create`."""
    resource: str = ""
    """Plural, with a group where it has one and a subresource: `pods`, `pods/exec`, `things.group`."""
    namespace: str = ""
    name: str = ""
    timeout: float = 0.0
    proxy: str = ""
    """`scheme://host:port` of the proxy on the way, empty for none."""
    secrets: Secrets = field(default_factory=Secrets)
    """What must not be in the words."""

    def fail(
        self, kind: type[ClusterError], cause: str, hint: str = "", *, status: int = 0, title: str = ""
    ) -> ClusterError:
        """The error for this request: the one place where an answer's words become a sentence for people."""
        title, cause, hint = (
            self.secrets.words(text, limit) for text, limit in ((title, 512), (cause, 512), (hint, 512))
        )
        return kind(
            title or self.title,
            context=self.context,
            verb=self.verb,
            resource=self.resource,
            status=status,
            cause=cause,
            hint=hint,
        )

    @property
    def title(self) -> str:
        """`koornacht: cannot list services`."""
        what = f"{self.resource} {self.namespace + '/' if self.namespace else ''}{self.name}".rstrip("/ ").strip()
        verb = _VERBS.get(self.verb, self.verb)
        if self.resource.endswith("/exec"):
            verb, what = "run a command in", f"pod {self.namespace}/{self.name}"
        elif self.resource.endswith("/portforward"):
            verb, what = "forward a port of", f"pod {self.namespace}/{self.name}"
        return clean(f"{self.context}: cannot {verb} {what or 'the server'}")

    @property
    def right(self) -> str:
        """The right it takes: `create pods/exec in default`."""
        what = self.resource or "the server"
        return f"{self.verb} {what}" + (f" in {self.namespace}" if self.namespace else "")

    @property
    def can_i(self) -> str:
        """The kubectl command that asks for the same right; a path that is no resource is asked for as it is."""
        resource, _, sub = self.resource.partition("/")
        words = ["kubectl", "--context", self.context, "auth", "can-i", self.verb, resource or self.name]
        words += [f"--subresource={sub}"] if resource and sub else []
        words += ["-n", self.namespace] if self.namespace else []
        return clean(shlex.join(words))


def call_parts(path: str) -> tuple[str, str, str]:
    """(resource, namespace, name) that a path of the API stands for; a path that is none is its own name.

    `/apis/GROUP/VERSION/namespaces/NS/PLURAL/NAME/SUBRESOURCE`, kubernetes.io/docs/reference/using-api/api-concepts.
    """
    parts = path.split("?", maxsplit=1)[0].strip("/").split("/")
    group, rest = ("", parts[2:]) if parts[0] == "api" else (parts[1] if len(parts) > 1 else "", parts[3:])
    if parts[0] not in {"api", "apis"} or not rest:
        return "", "", path.split("?", maxsplit=1)[0]
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    resource = f"{rest[0]}.{group}" if group else rest[0]
    sub = f"/{rest[2]}" if len(rest) > 2 else ""
    return resource + sub, namespace, rest[1] if len(rest) > 1 else ""
