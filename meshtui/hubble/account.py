"""Asks a Relay how many flows each of its nodes has seen, and which was the newest then: what an account needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import grpc
from msgspec.structs import replace

from meshtui.core.flows.account.account import Reading
from meshtui.hubble.dial import TlsOptions, failure, open_channel
from meshtui.hubble.relay import CONNECTED, Filters, HubbleNode, newest_over, nodes_over

_TRIES = 4
_FEW_NODES = 32
"""Of more nodes some are always busy: what one reading leaves open, the next ones narrow."""


def read_counts(
    target: str,
    filters: tuple[Filters, Filters],
    unasked: Filters,
    now_ns: Callable[[], int],
    *,
    context: str = "",
    tls: TlsOptions | None = None,
    timeout: float = 5.0,
) -> list[Reading]:
    """A reading of every node that answers and whose flows match `filters` (whitelist, blacklist). Blocks.

    `unasked`: FlowFilters of what the stream leaves out; each reading says when its node last saw such an event.

    Nodes that were busy meanwhile are asked again, a few times: a quiet moment makes a reading exact. Raises
    RelayUnreachable or RelayRefused.
    """
    found: dict[str, Reading] = {}
    with open_channel(target, tls, context=context) as channel:
        try:
            before = newest_over(channel, *filters, timeout)
            left_out = newest_over(channel, unasked, (), timeout) if unasked else {}
            for _ in range(_TRIES if len(before) <= _FEW_NODES else 1):
                at_ns = now_ns()
                nodes = nodes_over(channel, target, context, timeout)
                after = newest_over(channel, *filters, timeout)
                for reading in _readings(nodes, at_ns, before, after):
                    if reading.node not in found or _width(reading) < _width(found[reading.node]):
                        found[reading.node] = reading
                if not any(map(_width, found.values())):
                    break
                before = after
        except grpc.RpcError as error:
            raise failure(error, target, context) from error
    return [replace(reading, unasked_ns=left_out.get(reading.node, 0)) for reading in found.values()]


def _readings(nodes: list[HubbleNode], at_ns: int, before: dict[str, int], after: dict[str, int]) -> Iterator[Reading]:
    for node in nodes:
        if node.state == CONNECTED and node.name in before and node.name in after:
            yield Reading(node.name, at_ns, node.seen_flows, node.uptime_ns, before[node.name], after[node.name])


def _width(reading: Reading) -> int:
    """Nanoseconds between the two looks' newest events: none where nothing happened."""
    return reading.after_ns - reading.before_ns
