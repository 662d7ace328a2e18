"""From a stored file to text that can be read as rows: compressed files, workbooks, JSON lines."""

from __future__ import annotations

from wharf.ingest_worker.unpacking.opening import Opened, open_again, open_file

__all__ = ["Opened", "open_again", "open_file"]
