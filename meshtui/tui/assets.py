"""Where the stylesheets are: inside the installed package, else at the top of the checkout."""

from __future__ import annotations

from pathlib import Path

import meshtui


def styles() -> Path:
    """Folder of the Textual CSS files."""
    package = Path(meshtui.__file__).parent
    inside = package / "styles"
    return inside if inside.is_dir() else package.parent / "styles"
