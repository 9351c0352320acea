"""The flags of `meshtui lab`."""

from __future__ import annotations

import argparse

WHATS = ("up", "down", "status", "step", "check", "deploy", "remove", "tour")


def add(parser: argparse.ArgumentParser, formats: tuple[str, ...]) -> None:
    """Add them."""
    parser.add_argument("what", choices=WHATS)
    parser.add_argument(
        "step", nargs="?", default="", metavar="STEP", help="a step's number or name; without it all steps are listed"
    )
    build = parser.add_argument_group("up and down")
    build.add_argument("--clusters", metavar="NAMES", help="names of the clusters; koornacht,tion by default")
    build.add_argument(
        "--nodes", dest="lab_nodes", type=int, default=3, metavar="N", help="nodes per cluster; 3 by default"
    )
    build.add_argument(
        "--cilium",
        default="",
        metavar="VERSION",
        help="version of Cilium; by default the one that the cilium CLI installs",
    )
    build.add_argument("--provider", choices=("docker", "podman"), default="docker")
    build.add_argument(
        "--until", default="connected", metavar="STEP", help="stop after this step: no-cni, cilium, hubble …"
    )
    build.add_argument("--force", action="store_true", help="build in spite of little memory or low kernel limits")
    build.add_argument("--no-open", action="store_true", help="do not open the dashboard at the end")
    walk = parser.add_argument_group("walking")
    walk.add_argument(
        "--image",
        action="append",
        default=[],
        metavar="ROLE=REF",
        help="take an image from a mirror: server=… or client=…",
    )
    walk.add_argument(
        "--planet",
        action="append",
        default=[],
        metavar="NAME",
        help="the planet that rebel-base names; one for each cluster",
    )
    walk.add_argument("--from", dest="start", default="", metavar="STEP", help="check, tour: begin at this step")
    walk.add_argument("--keep", action="store_true", help="check: leave the application in place")
    walk.add_argument("--no-check", action="store_true", help="step: do not wait for the effect")
    walk.add_argument(
        "-m", "--max-time", type=float, default=2.0, metavar="SECONDS", help="time limit of a request; 2 by default"
    )
    walk.add_argument(
        "--patience", type=float, metavar="SECONDS", help="wait this long for an effect; 45 or 120 by default"
    )
    walk.add_argument("--demo", action="store_true", help="use an embedded mesh, started for this command")
    walk.add_argument("--control", default="", metavar="URL", help="control address that `meshtui simulate` printed")
    walk.add_argument("--text", action="store_true", help="tour: as text, without the dashboard")
    parser.add_argument("--print", dest="only_print", action="store_true", help="print the commands as a script")
    parser.add_argument("--dry-run", action="store_true", help="change nothing, and tell what would be changed")
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask; required where there is no terminal")
    parser.add_argument("-o", "--output", choices=formats, default=formats[0], help=f"{formats[0]} by default")
