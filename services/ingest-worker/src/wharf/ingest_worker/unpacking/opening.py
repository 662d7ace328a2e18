"""What a stored file is by its first bytes, and the text that is read of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from wharf.common.corrections import NEWLINE_MARK
from wharf.common.imports import ImportOptions
from wharf.ingest_worker.reading import ByteSource, Cursor, Dialect, with_ending
from wharf.ingest_worker.unpacking.compressed import bounded, gzip_chunks, zip_chunks, zstd_chunks
from wharf.ingest_worker.unpacking.forward import Forward
from wharf.ingest_worker.unpacking.jsonlines import begins_like, keys_of, lines_of, row_chunks
from wharf.ingest_worker.unpacking.workbook import sheet_chunks, sheet_names
from wharf.ingest_worker.unpacking.written import AS_WE_WRITE

MAGIC = {b"\x1f\x8b\x08": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"PK\x03\x04": "zip"}
UNPACK = {"gzip": gzip_chunks, "zstd": zstd_chunks, "zip": zip_chunks}
HEAD_BYTES = 64 * 1024
"""In which a file shows what it is."""
KEYS_BYTES = 2**20
"""Of JSON lines, in which their keys are looked for."""


@dataclass(frozen=True)
class Packing:
    """How the table is wrapped. `keys`: the columns of JSON lines, which have no row of names."""

    format: str = "csv"
    compression: str | None = None
    sheet: str | None = None
    """As asked; None: the first one that is not hidden."""
    sheets: tuple[str, ...] = ()
    """All that the workbook has."""
    keys: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Packing:
        """The packing that a dialect keeps."""
        return cls(**{**kept, "keys": tuple(kept.get("keys", ())), "sheets": tuple(kept.get("sheets", ()))})


class Counted:
    """A source, and how far into it anybody has read."""

    def __init__(self, inner: ByteSource) -> None:
        """Nothing is read yet."""
        self._inner = inner
        self.reached = 0

    @property
    def size(self) -> int:
        """See `ByteSource.size`."""
        return self._inner.size

    def read(self, start: int, length: int) -> bytes:
        """See `ByteSource.read`."""
        data = self._inner.read(start, length)
        self.reached = max(self.reached, start + len(data))
        return data


@dataclass(frozen=True)
class Opened:
    """A file's text, the options by which it is read, and how it was wrapped."""

    text: ByteSource
    options: ImportOptions
    packing: Packing
    stored: Counted = field(repr=False)

    @property
    def share_read(self) -> float:
        """How much of the stored file was read, 0 to 1."""
        return self.stored.reached / self.stored.size if self.stored.size else 0.0

    def finished(self, dialect: Dialect) -> Dialect:
        """A dialect that was found in the text, with what only the wrapping tells."""
        told = replace(dialect, packing=asdict(self.packing))
        if self.packing.format == "csv":
            return told
        names = tuple(name.replace(NEWLINE_MARK, "\n") for name in dialect.header)
        told = replace(told, newline_mark=NEWLINE_MARK, header=names)
        if self.packing.format == "xlsx":
            return told
        first = Cursor(dialect.data.byte_offset, 1, 0)
        return replace(told, data=first, header_row=0, header_rows=(), skipped_lines=())

    def ended(self, dialect: Dialect) -> Dialect:
        """A finished dialect, with where the data ends if other lines follow.

        Of a large file only plain text is read at its end: all else is unpacked from its beginning.
        """
        return with_ending(dialect, self.text) if self.packing == Packing() else dialect


def open_file(file: ByteSource, options: ImportOptions) -> Opened:
    """The text of a file, whatever it is wrapped in. It is unpacked as it is read.

    Raises `Invalid`, now or while the text is read: `damaged_file`, `truncated_file`, `encrypted_file`,
    `several_files`, `unpacked_too_large`, `unsafe_file`, `bad_option`.
    """
    head = file.read(0, HEAD_BYTES)
    kind = next((kind for magic, kind in MAGIC.items() if head.startswith(magic)), None)
    if kind == "zip" and (sheets := sheet_names(file)) is not None:
        return _open(file, options, Packing("xlsx", None, options.sheet, sheets))
    plain = Packing(compression=kind)
    text = _unpacked(file, plain)
    head = text.read(0, HEAD_BYTES) if kind else head
    if options.encoding in {None, "utf-8"} and options.delimiter is None and begins_like(head):
        keys = keys_of(lines_of(text, KEYS_BYTES))
        return _open(file, options, replace(plain, format="jsonl", keys=keys))
    return _open(file, options, plain)


def open_again(file: ByteSource, options: ImportOptions, dialect: Dialect) -> Opened:
    """The same text as in an earlier attempt, of which the dialect is kept."""
    return _open(file, options, Packing.from_dict(dialect.packing))


def _open(file: ByteSource, options: ImportOptions, packing: Packing) -> Opened:
    stored = Counted(file)
    ours = options.model_copy(update=AS_WE_WRITE)
    match packing.format:
        case "xlsx":
            text: ByteSource = Forward(lambda: sheet_chunks(stored, packing.sheet))
            return Opened(text, ours, packing, stored)
        case "jsonl":
            inner = _unpacked(stored, packing)
            text = Forward(lambda: row_chunks(inner, packing.keys))
            return Opened(text, ours.model_copy(update={"header_row": 1}), packing, stored)
        case _:
            return Opened(_unpacked(stored, packing), options, packing, stored)


def _unpacked(file: ByteSource, packing: Packing) -> ByteSource:
    if packing.compression is None:
        return file
    unpack = UNPACK[packing.compression]
    return Forward(lambda: bounded(unpack(file), file.size))
