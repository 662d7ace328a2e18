"""The workbook of a package: its frame by XlsxWriter, the rows of its large sheets by us."""

from __future__ import annotations

from wharf.package_worker.workbook.report import write_xlsx

__all__ = ["write_xlsx"]
