"""Makes what packages carry: the manual page and krew's manifest, which names an archive's address and checksum.

.venv/bin/python tools/package.py FOLDER [--archive FILE --url URL]
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

import yaml

from meshtui import __version__
from meshtui.cli.man import page

SYSTEMS = (("linux", "amd64"), ("linux", "arm64"), ("darwin", "amd64"), ("darwin", "arm64"))


def krew(archive: bytes, url: str) -> str:
    """Krew's manifest for an archive that has `kubectl-meshtui` at its top."""
    checksum = hashlib.sha256(archive).hexdigest()
    platforms = [
        {
            "selector": {"matchLabels": {"os": system, "arch": machine}},
            "uri": url,
            "sha256": checksum,
            "bin": "kubectl-meshtui",
            "files": [{"from": "*", "to": "."}],
        }
        for system, machine in SYSTEMS
    ]
    manifest = {
        "apiVersion": "krew.googlecontainertools.github.com/v1alpha2",
        "kind": "Plugin",
        "metadata": {"name": "meshtui"},
        "spec": {
            "version": f"v{__version__}",
            "shortDescription": "The cockpit for Cilium Cluster Mesh",
            "description": "Several clusters on one terminal screen: services, flows, policies, load tests.\n",
            "caveats": "It runs on Python 3.11 or newer, which must be on PATH.\n",
            "platforms": platforms,
        },
    }
    return yaml.safe_dump(manifest, sort_keys=False)


def main(argv: list[str]) -> int:
    """Write them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--archive", type=Path)
    parser.add_argument("--url", default="")
    arguments = parser.parse_args(argv)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    (arguments.folder / "meshtui.1").write_text(page())
    if arguments.archive:
        (arguments.folder / "meshtui.yaml").write_text(krew(arguments.archive.read_bytes(), arguments.url))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
