"""Asks a Relay how many flows each of its nodes has seen, and which was the newest then: what an account needs."""

from __future__ import annotations

from collections.abc import Callable

import grpc

from meshtui.core.flowaccount import Reading
from meshtui.hubble.dial import TlsOptions, failure, open_channel
from meshtui.hubble.relay import Filters, newest_over, nodes_over

_CONNECTED = "NODE_CONNECTED"


def read_counts(
    target: str,
    filters: tuple[Filters, Filters],
    now_ns: Callable[[], int],
    *,
    context: str = "",
    tls: TlsOptions | None = None,
    timeout: float = 5.0,
) -> list[Reading]:
    """A reading of every node that answers and whose flows match `filters` (whitelist, blacklist). Blocks.

    Raises RelayUnreachable or RelayRefused.
    """
    with open_channel(target, tls, context=context) as channel:
        try:
            before = newest_over(channel, *filters, timeout)
            at_ns = now_ns()
            nodes = nodes_over(channel, target, context, timeout)
            after = newest_over(channel, *filters, timeout)
        except grpc.RpcError as error:
            raise failure(error, target, context) from error
    return [
        Reading(node.name, at_ns, node.seen_flows, node.uptime_ns, before[node.name], after[node.name])
        for node in nodes
        if node.state == _CONNECTED and node.name in before and node.name in after
    ]
