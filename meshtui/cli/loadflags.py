"""The flags of `meshtui load`."""

from __future__ import annotations

import argparse

from meshtui.cli.commonflags import access, natural, output
from meshtui.cli.grammar import count


def _requests(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", nargs="?", default="", metavar="URL", help="a service's name or an URL")
    parser.add_argument(
        "--from",
        dest="sources",
        action="append",
        metavar="CLUSTER/WORKLOAD",
        help="send from this workload; repeatable; x-wing by default",
    )
    parser.add_argument(
        "--all-clusters", action="store_true", help="send from every cluster, side by side; so it is without --from"
    )
    parser.add_argument(
        "--direct", action="store_true", help="send from this machine, for example to an ingress or a NodePort"
    )
    parser.add_argument(
        "--http2", action="store_true", help="with --direct: speak HTTP/2; without TLS by prior knowledge"
    )
    parser.add_argument("-k", "--insecure", action="store_true", help="with --direct: do not verify certificates")
    parser.add_argument("-n", dest="load_count", type=count, metavar="COUNT", help="number of requests; 10 by default")
    parser.add_argument(
        "--namespace", dest="namespaces", action="append", metavar="NS", help="namespace of the workload"
    )
    parser.add_argument(
        "-c", "--concurrency", dest="load_concurrency", type=count, metavar="N", help="requests at once; 1 by default"
    )
    parser.add_argument(
        "--rate", type=float, default=0.0, metavar="PER_SECOND", help="send steadily at this rate, 1 to 50"
    )
    parser.add_argument("--steady", action="store_true", help="send until interrupted")
    parser.add_argument(
        "--duration", type=float, default=0.0, metavar="SECONDS", help="end steady mode after this time"
    )
    parser.add_argument(
        "-m", "--max-time", dest="load_max_time", metavar="SECONDS", help="time limit of a request; 2 by default"
    )
    parser.add_argument("-X", "--method", default="GET", help="HTTP method; GET by default")
    parser.add_argument(
        "-H", "--header", action="append", default=[], metavar="NAME: VALUE", help="HTTP header; repeatable"
    )
    parser.add_argument("-d", "--data", default="", metavar="BODY", help="request body")
    parser.add_argument("--container", default="", help="container of the workload")
    parser.add_argument(
        "--expect", metavar="CLAUSES", help="for example 'koornacht>0,tion>0'; exit 1 if it does not hold"
    )
    parser.add_argument("--max-timeouts", type=natural, metavar="N", help="exit 1 when more than N requests time out")
    parser.add_argument(
        "--history", action="store_true", help="list earlier runs, numbered, newest first, and run nothing"
    )
    parser.add_argument(
        "--compare",
        nargs=2,
        type=count,
        metavar=("BEFORE", "AFTER"),
        help="with --history: compare two runs by their numbers",
    )
    output(parser)


def add(parser: argparse.ArgumentParser) -> None:
    """`load` has the common flags, but its -n counts requests."""
    parser.add_argument("--kubeconfig", default=argparse.SUPPRESS, metavar="PATH")
    parser.add_argument("--context", dest="contexts", action="append", default=argparse.SUPPRESS, metavar="NAME")
    parser.add_argument("--mesh", default=argparse.SUPPRESS, metavar="NAME")
    parser.add_argument("--request-timeout", default=argparse.SUPPRESS, metavar="SECONDS")
    parser.add_argument("--read-only", action="store_true", default=argparse.SUPPRESS)
    parser.add_argument("--ascii", action="store_true", default=argparse.SUPPRESS)
    parser.add_argument(
        "--relay", dest="relays", action="append", default=argparse.SUPPRESS, metavar="CONTEXT=HOST:PORT"
    )
    access(parser)
    _requests(parser)
