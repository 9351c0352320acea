"""How requests ended in the recordings' curl.txt, by step: of koornacht's client, and of tion's."""

from __future__ import annotations

K, T, SILENCE = "koornacht", "tion", "timeout"
RECORDED: dict[str, tuple[set[str], set[str]]] = {
    "deployed": ({K}, {T}),
    "global": ({K, T}, {K, T}),
    "tion-shared-false": ({K}, {K, T}),
    "affinity-local": ({K}, {K, T}),
    "failover-local-0": ({T}, {T}),
    "affinity-remote": ({T}, {K, T}),
    "no-affinity": ({K, T}, {K, T}),
    "default-deny": ({SILENCE}, {SILENCE}),
    "egress-allowed": ({SILENCE}, {SILENCE}),
    "ingress-koornacht": ({K, SILENCE}, {SILENCE}),
    "ingress-tion": ({K, SILENCE}, {SILENCE}),
    "egress-any-cluster": ({K, T}, {SILENCE}),
    "link-cut": ({K, SILENCE}, {SILENCE}),
}
"""Where several may be, each request is one of them."""
