"""One file of a package, beside the worker."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from wharf.package_worker.content import Content, Reached, Written
from wharf.package_worker.pdf import write_pdf
from wharf.package_worker.workbook import write_xlsx

PIECE = 1 << 20
WRITERS: dict[str, tuple[Callable[[Content, BinaryIO, Reached], Written], str]] = {
    "pdf": (write_pdf, "application/pdf"),
    "xlsx": (write_xlsx, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
}


@dataclass(frozen=True, slots=True)
class MadeFile:
    """A file that was made."""

    path: Path
    media_type: str
    sha256: str
    size: int
    pages: int | None
    sheets: int | None
    rows: int

    @property
    def name(self) -> str:
        """As it is downloaded."""
        return self.path.name

    def as_dict(self) -> dict[str, Any]:
        """As the job's result says it."""
        names = ("name", "media_type", "size", "sha256", "pages", "sheets", "rows")
        return {name: getattr(self, name) for name in names}


def make_file(content: Content, format_: str, folder: Path, reached: Reached) -> MadeFile:
    """Write the package in one format."""
    write, media_type = WRITERS[format_]
    path = folder / file_name(content, format_)
    with path.open("wb") as stream:
        written = write(content, stream, reached)
    return MadeFile(path, media_type, _sha256(path), path.stat().st_size, written.pages, written.sheets, written.rows)


def file_name(content: Content, format_: str) -> str:
    """As it is downloaded."""
    return f"{content.type.name}-{content.project}-{content.as_of:%Y-%m-%d}.{format_}"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
