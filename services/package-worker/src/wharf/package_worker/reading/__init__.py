"""The rows of sections, from the ledger's datasets to Arrow batches."""

from __future__ import annotations

from wharf.package_worker.reading.reader import SectionReader
from wharf.package_worker.reading.sources import Source, source_of

__all__ = ["SectionReader", "Source", "source_of"]
