"""What is freed of long answers goes back to the system, and does not stay with the C library."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

LOOK = """
import ctypes, sys
from meshtui.mesh import collector

NAMES = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"

class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in NAMES.split()]

libc = ctypes.CDLL(None)
libc.mallinfo2.restype = Info
if sys.argv[1] == "ours":
    collector.hand_back()
for size in (1, 2, 3, 4):
    bytes(size << 20)
held = [bytes(1 << 20) for _ in range(20)]
print(libc.mallinfo2().hblks)
"""


def mapped(how: str) -> int:
    """Pieces of memory of their own, once answers of growing size were read and twenty are held."""
    return int(subprocess.run([sys.executable, "-c", LOOK, how], capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="glibc alone keeps what was freed")
def test_long_answers_have_memory_of_their_own() -> None:
    assert mapped("ours") >= 20
    assert mapped("left alone") < 20
