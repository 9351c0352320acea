"""What must not be loaded with the rooms kube and cilium: it would cost the first paint."""

from __future__ import annotations

import subprocess
import sys


def test_neither_kubernetes_nor_textual_is_imported():
    code = (
        "import pkgutil, sys, importlib, meshtui.kube, meshtui.cilium\n"
        "for room in (meshtui.kube, meshtui.cilium):\n"
        "    for found in pkgutil.iter_modules(room.__path__, room.__name__ + '.'):\n"
        "        importlib.import_module(found.name)\n"
        "print(sorted({'kubernetes', 'textual', 'cryptography', 'grpc'} & set(sys.modules)))\n"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
