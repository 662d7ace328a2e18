"""Text as glyphs: which font shows a letter, how wide it is, and how scripts that join their letters are shaped."""

from __future__ import annotations

from wharf.package_worker.text.faces import Face
from wharf.package_worker.text.family import Family, Style
from wharf.package_worker.text.shaping import Shaped, Shaper

__all__ = ["Face", "Family", "Shaped", "Shaper", "Style"]
