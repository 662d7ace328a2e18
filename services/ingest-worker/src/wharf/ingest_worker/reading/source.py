"""Where the bytes come from, and how far a reader has come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Mapping


class ByteSource(Protocol):
    """A file of known size of which any range can be read."""

    @property
    def size(self) -> int:
        """Its size in bytes."""

    def read(self, start: int, length: int) -> bytes:
        """The bytes from `start`: `length` of them, fewer only at the file's end."""


@dataclass(frozen=True, slots=True)
class Bytes:
    """A source that is in memory already: a sample, a small file."""

    data: bytes

    @property
    def size(self) -> int:
        """Its size in bytes."""
        return len(self.data)

    def read(self, start: int, length: int) -> bytes:
        """See `ByteSource.read`."""
        return self.data[start : start + length]


@dataclass(frozen=True, slots=True)
class Beginning:
    """A source up to a place in it: what follows there is not of the same table."""

    source: ByteSource
    size: int

    def read(self, start: int, length: int) -> bytes:
        """See `ByteSource.read`."""
        return self.source.read(start, max(0, min(length, self.size - start)))


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """A place between two records: reading from it gives exactly the rest of the file."""

    byte_offset: int = 0
    """Of the next record, in the original file."""
    line: int = 1
    """Of the next record; the file's first line is 1."""
    record: int = 0
    """How many records (rows and rejects; blank lines don't count) came before."""

    def as_dict(self) -> dict[str, int]:
        """As it is kept in a checkpoint."""
        return {"byte_offset": self.byte_offset, "line": self.line, "record": self.record}

    @classmethod
    def from_dict(cls, kept: Mapping[str, int]) -> Self:
        """The cursor that `as_dict` gave."""
        return cls(kept["byte_offset"], kept["line"], kept["record"])
