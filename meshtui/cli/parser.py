"""What the command line accepts: verbs, flags, and help that starts with examples."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable
from typing import Any

from meshtui.cli import loadflags
from meshtui.cli.commonflags import FORMATS, access, natural, output
from meshtui.cli.grammar import Parser, count
from meshtui.cli.verbs import EXAMPLES, SHELLS


def build() -> Parser:
    """The whole command line."""
    parser = Parser(
        prog="meshtui",
        description="The cockpit for Cilium Cluster Mesh: without a verb, the dashboard on your kubeconfig's clusters.",
        allow_abbrev=False,
    )
    _common(parser)
    parser.examples = EXAMPLES[""]
    parser.add_argument("--version", action="store_true", help="print the version and end")
    _files(parser)
    _trouble(parser)
    # With its `prog` given argparse need not lay out a help for it, by which it would measure the terminal.
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", parser_class=Parser, prog=parser.prog)
    for name, (help_text, fill, takes_common) in _VERBS.items():
        told: dict[str, Any] = (
            {"help": help_text, "description": help_text} if help_text else {}
        )  # a verb for shells is not listed
        verb = verbs.add_parser(name, allow_abbrev=False, **told)
        verb.examples = EXAMPLES.get(name, "")
        verb.late = functools.partial(_filled, fill, takes_common)
    return parser


def _filled(fill: _Fill, takes_common: bool, verb: argparse.ArgumentParser) -> None:
    """A verb's own flags, known once somebody asks for the verb: all of them together take longer than any verb."""
    if takes_common:
        _common(verb)
    _trouble(verb)
    fill(verb)


def _files(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--record", metavar="FILE", help="write every flow into a new file, as hubble observe -o jsonpb"
    )
    parser.add_argument("--replay", metavar="FILE", help="the dashboard on a file that meshtui or the hubble CLI wrote")


def _trouble(parser: argparse.ArgumentParser) -> None:
    """What helps when something is wrong with meshtui itself; every verb takes it."""
    group = parser.add_argument_group("when meshtui itself misbehaves")
    add = functools.partial(group.add_argument, action="store_true", default=argparse.SUPPRESS)
    add("--debug", help="write a log without credentials into the state directory")
    add("--debug-anonymous", help="the same without names of clusters and objects, and without addresses")


def _common(parser: argparse.ArgumentParser) -> None:
    """Flags every verb that looks at clusters takes, before or after the verb."""
    group = parser.add_argument_group("clusters")
    add = functools.partial(group.add_argument, default=argparse.SUPPRESS)
    add("--kubeconfig", metavar="PATH", help="read this file instead of KUBECONFIG and ~/.kube/config")
    add(
        "--context",
        dest="contexts",
        action="append",
        metavar="NAME",
        help="a context, or a pattern such as 'prod-*'; repeatable; all by default",
    )
    add("--mesh", metavar="NAME", help="open the contexts of [mesh.NAME] in the config file")
    add("-n", "--namespace", dest="namespaces", action="append", metavar="NS", help="show this namespace; repeatable")
    add("-A", "--all-namespaces", action="store_true", help="show all namespaces")
    add("--request-timeout", metavar="SECONDS", help="wait this long for one answer; 10 by default")
    add("--read-only", action="store_true", help="refuse every change")
    add("--ascii", action="store_true", help="draw with ASCII characters alone")
    add("--no-mouse", dest="mouse", action="store_false", help="leave the mouse to the terminal")
    add(
        "--source",
        dest="flow_source",
        choices=("auto", "relay", "agents"),
        help="read flows from Relays, from the agents, or (auto) from agents where there is no Relay",
    )
    add(
        "--relay",
        dest="relays",
        action="append",
        metavar="CONTEXT=HOST:PORT",
        help="dial a cluster's Relay here; tls://HOST:PORT where it speaks TLS; repeatable",
    )
    access(parser)


def _status(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--wait", action="store_true", help="wait until all is well; exit 4 when it is not in time")
    parser.add_argument("--watch", action="store_true", help="keep running, and print every change of a verdict")
    parser.add_argument(
        "--timeout", default="", metavar="TIME", help="end --wait (15m by default) or --watch after this time"
    )
    parser.add_argument("--schema", action="store_true", help="print the JSON schema of the report")
    output(parser)


def _findings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--fix", type=count, metavar="N", help="make the change that fixes finding number N")
    parser.add_argument("--wait", action="store_true", help="wait until there are none; exit 4 when there still are")
    parser.add_argument("--watch", action="store_true", help="keep running, and print every finding that comes or goes")
    parser.add_argument(
        "--timeout", default="", metavar="TIME", help="end --wait (15m by default) or --watch after this time"
    )
    _consent(parser)
    output(parser)


def _drill(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("service", metavar="SERVICE", help="NAME or NAMESPACE/NAME")
    parser.add_argument(
        "--cluster", required=True, metavar="NAME", help="the cluster in which the workload is scaled to zero, or back"
    )
    _waits(parser)
    _consent(parser)
    output(parser)


def _undo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--list", action="store_true", help="list the changes that can be undone, newest first, and undo none"
    )
    _waits(parser)
    _consent(parser)
    output(parser)


def _waits(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--wait", action="store_true", help="wait until the API servers show the change")
    parser.add_argument("--timeout", default="", metavar="TIME", help="end --wait after this time; 15s by default")


def _consent(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dry-run", action="store_true", help="let the API servers check the change, and change nothing"
    )
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask; required where there is no terminal")


def _serve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--host", default="127.0.0.1", metavar="ADDRESS", help="listen on this address; 127.0.0.1 by default"
    )
    parser.add_argument(
        "--port",
        type=natural,
        default=8000,
        metavar="N",
        help="listen on this port; 8000 by default; 0 takes a free one",
    )
    parser.add_argument("--read-write", action="store_true", help="let visitors change clusters; read-only by default")
    parser.add_argument("--visitors", type=count, default=8, metavar="N", help="most visitors at once; 8 by default")
    parser.add_argument(
        "--public-url", default="", metavar="URL", help="the address at which browsers reach it through a proxy"
    )
    parser.add_argument("--tls-cert", default="", metavar="PATH", help="serve TLS with this certificate")
    parser.add_argument("--tls-key", default="", metavar="PATH", help="key of that certificate")


def _schema(parser: argparse.ArgumentParser) -> None:
    from meshtui.cli.schemas import NAMES

    parser.add_argument("of", nargs="?", default="", choices=("", *NAMES), metavar="VERB", help="; ".join(NAMES))


def _complete(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=("contexts", "clusters", "namespaces", "services"))


def _nodes(parser: argparse.ArgumentParser) -> None:
    _watches(parser)
    output(parser)


def _watches(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--watch", action="store_true", help="keep running, and print every row that changes")
    parser.add_argument("--timeout", default="", metavar="TIME", help="end --watch after this time, such as 30s or 5m")


def _services(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what", nargs="*", metavar="explain NS/NAME", help="tell where requests to this service go, and why"
    )
    parser.add_argument("--findings", action="store_true", help="list what is wrong or surprising in the mesh")
    parser.add_argument("--meshed", action="store_true", help="only services that are global somewhere")
    parser.add_argument("--faults", action="store_true", help="only services with a fault")
    parser.add_argument("--filter", default="", metavar="TERMS", help="as in the dashboard: 'is:global !cluster:tion'")
    parser.add_argument("--sort", choices=("meshed", "name", "fault", "ready"), default="meshed")
    _watches(parser)
    output(parser)


def _policies(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what",
        nargs="*",
        metavar="suggest | check FROM TO | apply|delete|diff FILE",
        help="whether FROM may connect to TO[:PORT[/PROTO]], exit 1 if not; YAML files, directories, - or lab:NAME",
    )
    parser.add_argument(
        "--filter", default="", metavar="TERMS", help="'is:differs', 'in:tion', 'closes:egress' or words"
    )
    parser.add_argument("--sort", choices=("name", "trouble", "pods", "newest"), default="name")
    parser.add_argument(
        "--dry-run", action="store_true", help="let the API servers check the change, and change nothing"
    )
    parser.add_argument(
        "--wait",
        dest="patience",
        type=float,
        default=30.0,
        metavar="SECONDS",
        help="wait this long for the agents; 30 by default",
    )
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask; required where there is no terminal")
    _watches(parser)
    group = parser.add_argument_group("suggest")
    group.add_argument(
        "--from", dest="recording", metavar="FILE", help="read flows from a file instead of the clusters"
    )
    group.add_argument("--since", dest="suggest_since", metavar="TIME", help="look this far back; 5m by default")
    group.add_argument(
        "--allow-seen", action="store_true", help="suggest the least that allows every connection that was seen"
    )
    output(parser)


def _annotate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("service", metavar="SERVICE", help="NAME or NAMESPACE/NAME")
    parser.add_argument("--global", dest="global_", metavar="BOOL|-", help="service.cilium.io/global; - deletes it")
    parser.add_argument("--shared", metavar="BOOL|-", help="service.cilium.io/shared; - deletes it")
    parser.add_argument("--affinity", metavar="local|remote|-", help="service.cilium.io/affinity; - deletes it")
    _waits(parser)
    _consent(parser)
    output(parser)


def _lab(parser: argparse.ArgumentParser) -> None:
    from meshtui.cli.lab import flags

    flags.add(parser, FORMATS)


def _flows(parser: argparse.ArgumentParser) -> None:
    from meshtui.cli.flowflags import add_flags

    add_flags(parser)


def _simulate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--state",
        default="",
        help="begin at a step: no-cni, deployed, global, default-deny …; deployed by default",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--clusters", type=count, default=2)
    parser.add_argument(
        "--nodes",
        type=natural,
        default=0,
        help="nodes per cluster; three by default, with --state as many as were recorded",
    )
    parser.add_argument("--services", type=natural, default=0, help="services generated beside the lab's own")
    parser.add_argument("--flow-rate", type=natural, default=0, help="background flows per second in the whole mesh")
    parser.add_argument(
        "--cilium-version",
        default="1.21",
        help="Cilium's version, 1.17 to 1.21; or by cluster: koornacht=1.20,tion=1.17",
    )
    parser.add_argument("--directory", metavar="PATH", help="write the kubeconfig into this folder")


def _completion(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=SHELLS)


def _demo(parser: argparse.ArgumentParser) -> None:
    _simulate(parser)
    parser.add_argument("--record", metavar="FILE", default=argparse.SUPPRESS, help="write every flow into a new file")


_Fill = Callable[[argparse.ArgumentParser], None]
_VERBS: dict[str, tuple[str, _Fill, bool]] = {
    "demo": ("the dashboard on the embedded mesh; needs nothing installed", _demo, False),
    "simulate": ("serve the embedded mesh until interrupted", _simulate, False),
    "status": ("clusters, links, components, services, findings; exit 1 when failing", _status, True),
    "nodes": ("nodes of all clusters", _nodes, True),
    "services": ("services over all clusters: annotations, backends, where traffic goes", _services, True),
    "findings": ("what is wrong or surprising, and the change that fixes it", _findings, True),
    "flows": ("Hubble flows of all clusters", _flows, True),
    "policies": ("network policies of all clusters: seen, applied, deleted, compared with files", _policies, True),
    "annotate": ("set or delete a service's mesh annotations", _annotate, True),
    "drill": ("failover drill: a service's workload to zero in one cluster, or back", _drill, True),
    "undo": ("take back the last change that still stands, exactly", _undo, True),
    "load": ("requests from a workload: who answers, and why the others do not", loadflags.add, False),
    "serve": ("the dashboard in a browser, behind a token, read-only unless said", _serve, True),
    "lab": ("build the two-cluster lab, walk it, check a mesh with it", _lab, True),
    "info": ("paths, versions, where each setting came from", output, True),
    "schema": ("the JSON schema of what a verb prints, or of the config file", _schema, False),
    "completion": ("shell completion for bash, zsh or fish", _completion, False),
    "complete": ("", _complete, True),
}
