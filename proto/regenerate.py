"""Regenerates meshtui/hubble/pb from proto/: `python proto/regenerate.py [DIRECTORY]`.

Needs grpcio-tools and mypy-protobuf (the dev group). The version of grpcio-tools is pinned in
pyproject.toml: its protoc stamps the gencode, and protobuf refuses to run code newer than itself.
"""

# ruff: noqa: INP001  a script beside the files it reads, not a package

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
TARGET = HERE.parent / "meshtui" / "hubble" / "pb"
NAMES = ("flow", "relay", "observer", "peer", "skim")
PACKAGE = "meshtui.hubble.pb"
INIT = '"""Generated from proto/ by proto/regenerate.py: Hubble\'s wire schema. Do not edit."""\n'


def generate(target: Path) -> None:
    """Write `NAME_pb2.py` and `NAME_pb2.pyi` of every proto file into `target`.

    Raises RuntimeError when protoc refuses a file.
    """
    import grpc_tools
    from grpc_tools import protoc

    well_known = Path(grpc_tools.__file__).parent / "_proto"
    plugin = Path(sys.executable).with_name("protoc-gen-mypy")
    with tempfile.TemporaryDirectory() as directory:
        code = protoc.main(
            [
                "protoc",
                f"--plugin=protoc-gen-mypy={plugin}",
                f"--proto_path={HERE}",
                f"--proto_path={well_known}",
                f"--python_out={directory}",
                f"--mypy_out=quiet:{directory}",
                *(f"{name}/{name}.proto" for name in NAMES),
            ]
        )
        if code:
            raise RuntimeError(f"protoc ended with {code}")
        _collect(Path(directory), target)


def _collect(source: Path, target: Path) -> None:
    """Flatten `NAME/NAME_pb2.*` into `target`, so that the modules find each other inside the package."""
    target.mkdir(parents=True, exist_ok=True)
    (target / "__init__.py").write_text(INIT)
    for name in NAMES:
        for suffix in (".py", ".pyi"):
            text = (source / name / f"{name}_pb2{suffix}").read_text()
            (target / f"{name}_pb2{suffix}").write_text(_within_package(text))


def _within_package(text: str) -> str:
    """`from flow import flow_pb2` → `from meshtui.hubble.pb import flow_pb2`."""
    names = "|".join(NAMES)
    return re.sub(rf"^from ({names}) import \1_pb2", rf"from {PACKAGE} import \1_pb2", text, flags=re.M)


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET)
