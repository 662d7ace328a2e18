"""Text that only comes from its beginning to its end, read as if it lay in a file."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

from wharf.ingest_worker.reading import ByteSource

UNKNOWN_SIZE = 2**62
"""Of a text whose end nobody has seen."""
CHUNK_BYTES = 2**20

Chunks = Callable[[], Iterator[bytes]]
"""Begins again from the start."""


class Forward:
    """A `ByteSource` over chunks. It holds what was asked for last; a place before that begins all over again."""

    def __init__(self, chunks: Chunks, size: int | None = None) -> None:
        """`size`: of all of it, where it is known."""
        self._chunks = chunks
        self._size = size
        self._begin()

    @property
    def size(self) -> int:
        """Its size in bytes; `UNKNOWN_SIZE` until its end was seen."""
        return UNKNOWN_SIZE if self._size is None else self._size

    def read(self, start: int, length: int) -> bytes:
        """See `ByteSource.read`."""
        if start < self._start:
            self._begin()
        while self._start + len(self._held) < start + length and (chunk := next(self._coming, None)) is not None:
            self._held += chunk
            self._drop(start)
        if self._start + len(self._held) < start + length and self._size is None:
            self._size = self._start + len(self._held)
        self._drop(start)
        return bytes(self._held[:length])

    def _drop(self, before: int) -> None:
        gone = min(before - self._start, len(self._held))
        del self._held[:gone]
        self._start += gone

    def _begin(self) -> None:
        self._coming = self._chunks()
        self._held = bytearray()
        self._start = 0


class Seekable(io.RawIOBase):
    """A source as a file that Python's own modules read."""

    def __init__(self, source: ByteSource) -> None:
        """It is at its beginning."""
        self._source = source
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where it is."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._source.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # any writable buffer
        """The next bytes."""
        length = min(len(buffer), max(0, self._source.size - self._at))
        data = self._source.read(self._at, length) if length else b""
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def as_file(source: ByteSource) -> io.BufferedReader:
    """A source as a buffered file."""
    return io.BufferedReader(Seekable(source), CHUNK_BYTES)


def measured(chunks: Chunks) -> int:
    """How many bytes come: everything is unpacked once, so that damage is found before a row is loaded."""
    return sum(len(chunk) for chunk in chunks())
