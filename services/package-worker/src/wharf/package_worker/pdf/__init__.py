"""The PDF of a package: pages drawn as content streams, written as they are made."""

from __future__ import annotations

from wharf.package_worker.pdf.report import write_pdf

__all__ = ["write_pdf"]
