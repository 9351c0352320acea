"""The embedded mesh, as the session's own tests start it."""

from __future__ import annotations

from tests.mesh.conftest import lab, new_lab

__all__ = ["lab", "new_lab"]
