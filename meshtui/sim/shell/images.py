"""Which programs a container has, told from its image."""

from __future__ import annotations

_WGET = frozenset(
    (
        *("sh", "cat", "date", "echo", "env", "false", "getent", "grep", "head", "hostname", "id", "kill", "nslookup"),
        *("printenv", "printf", "pwd", "sleep", "sort", "seq", "tail", "tee", "test", "tr", "true", "uname", "uniq"),
        *("wc", "whoami", "cut", "basename", "wget"),
    )
)
_CURL = _WGET - {"wget"} | {"bash", "curl"}
_BARE = _WGET - {"wget"} | {"bash"}
_AGENT = _CURL | {"cilium", "cilium-dbg", "cilium-health", "hubble"}

_IMAGES: tuple[tuple[str, frozenset[str]], ...] = (
    ("json-mock", _CURL),
    ("nginx", _CURL),
    ("curl", _CURL),
    ("netshoot", _CURL | {"wget"}),
    ("alpine", _WGET),
    ("busybox", _WGET),
    ("debian", _BARE),
)
_CONTAINERS = {
    "cilium-agent": _AGENT,
    "cilium-operator": frozenset({"cilium-operator", "cilium-operator-generic"}),
    "kvstoremesh": frozenset({"clustermesh-apiserver"}),
    "apiserver": frozenset({"clustermesh-apiserver"}),
}


def binaries(image: str, container: str) -> frozenset[str]:
    """Programs of `image`; Cilium's own containers are known by name. Distroless ones have none."""
    if container in _CONTAINERS:
        return _CONTAINERS[container]
    return next((programs for word, programs in _IMAGES if word in image), frozenset())
