"""Makes what packages carry: the manual page, krew's archive, and the manifest that names its address and checksum.

.venv/bin/python tools/package.py FOLDER [--wheel FILE --url URL]
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import sys
import tarfile
from pathlib import Path

import yaml

from meshtui import __version__
from meshtui.cli.man import page

SYSTEMS = (("linux", "amd64"), ("linux", "arm64"), ("darwin", "amd64"), ("darwin", "arm64"))


ROOT = Path(__file__).parent.parent
ARCHIVE = f"meshtui-{__version__}-krew.tar.gz"


def archive(wheel: Path) -> bytes:
    """The archive that krew unpacks: launcher, wheel, its dependencies' hashes, licence; the same bytes each time."""
    files = {
        "LICENSE": (ROOT / "LICENSE").read_bytes(),
        "kubectl-meshtui": (ROOT / "packaging/kubectl-meshtui").read_bytes(),
        "requirements.lock": (ROOT / "requirements.lock").read_bytes(),
        wheel.name: wheel.read_bytes(),
    }
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)  # no owner, no time
            entry.size, entry.mode = len(content), 0o755 if name == "kubectl-meshtui" else 0o644
            tar.addfile(entry, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), mtime=0)


def krew(packed: bytes, url: str) -> str:
    """Krew's manifest for an archive that has `kubectl-meshtui` at its top."""
    checksum = hashlib.sha256(packed).hexdigest()
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
            "caveats": (
                "It needs Python 3.11 or newer on PATH. Its first call installs the dependencies, each held to its\n"
                "hash, into the cache directory, from the package index that pip is configured for.\n"
            ),
            "platforms": platforms,
        },
    }
    return yaml.safe_dump(manifest, sort_keys=False)


def main(argv: list[str]) -> int:
    """Write them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--wheel", type=Path, help="makes krew's archive and manifest, too")
    parser.add_argument("--url", default="")
    arguments = parser.parse_args(argv)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    (arguments.folder / "meshtui.1").write_text(page())
    if arguments.wheel:
        made = archive(arguments.wheel)
        (arguments.folder / ARCHIVE).write_bytes(made)
        (arguments.folder / "meshtui.yaml").write_text(krew(made, arguments.url or f"file://{ARCHIVE}"))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
