"""JSON lines as text: each object a row, each key a column, nested values as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from wharf.common.errors import Invalid
from wharf.ingest_worker.reading import ByteSource
from wharf.ingest_worker.unpacking.forward import CHUNK_BYTES
from wharf.ingest_worker.unpacking.written import cell_of, written

MOST_KEYS = 10_000
LONGEST_LINE = 2**20
"""Of a longer one only so much is read: its row is rejected."""
OTHERS = "_other"
"""The column of what came with keys that the file's beginning does not have."""
NO_OBJECT = "no JSON object: "
"""A line that is none becomes a row of one cell, this and its text, and is rejected for the cells that it lacks."""


def begins_like(head: bytes) -> bool:
    """Whether a file's first line is a JSON object."""
    first = head.lstrip(b"\xef\xbb\xbf \t\r\n").split(b"\n", 1)[0].strip()
    return first.startswith(b"{") and _object(first) is not None


def keys_of(lines: Iterator[bytes]) -> tuple[str, ...]:
    """All keys in the order in which they come. Raises `Invalid` (`too_many_columns`)."""
    keys: dict[str, None] = {}
    for line in lines:
        keys.update(dict.fromkeys(_object(line) or ()))
        if len(keys) > MOST_KEYS:
            message = f"The objects of this file have more than {MOST_KEYS:,} different keys. That is no table."
            raise Invalid(message, code="too_many_columns")
    return tuple(keys)


def lines_of(source: ByteSource, limit: int | None = None) -> Iterator[bytes]:
    """The file's lines; those that end in its first `limit` bytes, where that is said."""
    rest, at, ended, cut_off = b"", 0, False, False
    while not ended and (limit is None or at < limit):
        data = source.read(at, CHUNK_BYTES if limit is None else min(CHUNK_BYTES, limit - at))
        at += len(data)
        ended = not data or at >= source.size
        *whole, rest = (rest + data).split(b"\n")
        yield from whole[cut_off:]
        cut_off = cut_off and not whole
        if len(rest) > LONGEST_LINE or cut_off:
            yield from () if cut_off else (rest[:LONGEST_LINE],)
            rest, cut_off = b"", True
    if rest and ended:
        yield rest


def row_chunks(source: ByteSource, keys: Sequence[str]) -> Iterator[bytes]:
    """The objects as text, a line for each line of the file after one with the names.

    What has none of the keys is in a last column, as JSON.
    """
    names = [*map(cell_of, keys), OTHERS]
    return written(_rows(source, keys, names))


def _rows(source: ByteSource, keys: Sequence[str], names: list[str]) -> Iterator[list[str]]:
    yield names
    known = frozenset(keys)
    for line in lines_of(source):
        found = _object(line)
        if found is not None:
            yield _row(_with_nested(line, found), keys, known)
        else:
            yield [NO_OBJECT + cell_of(line.decode("utf-8", "backslashreplace").strip())] if line.strip() else []


def _row(values: dict[str, Any], keys: Sequence[str], known: frozenset[str]) -> list[str]:
    others = {key: value for key, value in values.items() if key not in known}
    return [*(_text(values.get(key)) for key in keys), _text(others or None)]


def _with_nested(line: bytes, found: dict[str, Any]) -> dict[str, Any]:
    """Values inside of values keep their types: only those of the row itself are text."""
    if not any(isinstance(value, dict | list) for value in found.values()):
        return found
    typed: dict[str, Any] = json.loads(line.decode("utf-8-sig"))
    return typed | {key: value for key, value in found.items() if isinstance(value, str)}


def _object(line: bytes) -> dict[str, Any] | None:
    """Numbers stay as they are written: none loses a digit."""
    try:
        found = json.loads(line.decode("utf-8-sig"), parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _text(value: object) -> str:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return cell_of(value)
