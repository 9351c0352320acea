"""What several verbs' flags share: access as kubectl's flags give it, the form of output, numbers."""

from __future__ import annotations

import argparse
import functools

FORMATS = ("table", "wide", "json", "jsonl", "yaml")


def access(parser: argparse.ArgumentParser) -> None:
    """How to get in: as kubectl's flags, and the Relays' TLS."""
    group = parser.add_argument_group("access")
    add = functools.partial(group.add_argument, default=argparse.SUPPRESS)
    add("--as", dest="as_user", metavar="USER", help="impersonate a user, as kubectl does")
    add("--as-group", dest="as_groups", action="append", metavar="GROUP", help="impersonate a group; repeatable")
    add("--as-uid", metavar="UID", help="impersonate a UID")
    add("--as-user-extra", action="append", metavar="KEY=VALUE", help="impersonate an attribute; repeatable")
    add("--insecure-skip-tls-verify", action="store_true", help="accept whatever certificate an API server shows")
    add("--tls-server-name", metavar="NAME", help="expect this name in an API server's certificate")
    add("--relay-ca", action="append", metavar="[CONTEXT=]PATH", help="certificate authority of the Relays (PEM file)")
    add("--relay-cert", action="append", metavar="[CONTEXT=]PATH", help="client certificate for the Relays (PEM file)")
    add("--relay-key", action="append", metavar="[CONTEXT=]PATH", help="key of that certificate (PEM file)")
    add(
        "--relay-server-name",
        action="append",
        metavar="[CONTEXT=]NAME",
        help="expect this name in the Relays' certificates",
    )


def output(parser: argparse.ArgumentParser, formats: tuple[str, ...] = FORMATS) -> None:
    """`-o`."""
    parser.add_argument("-o", "--output", choices=formats, default=formats[0], help=f"{formats[0]} by default")


def natural(text: str) -> int:
    """A whole number from zero up. Raises ValueError."""
    value = int(text)
    if value < 0:
        raise ValueError(text)
    return value
