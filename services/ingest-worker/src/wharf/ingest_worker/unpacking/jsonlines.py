"""JSON lines as text: each object a row, each key a column, nested values as JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any

from wharf.common.errors import Invalid
from wharf.ingest_worker.reading import ByteSource
from wharf.ingest_worker.unpacking.forward import CHUNK_BYTES
from wharf.ingest_worker.unpacking.workbook import NEWLINE_MARK

MOST_KEYS = 10_000
LONGEST_LINE = 2**20
OTHERS = "_other"
"""The column of what came with keys that the file's beginning does not have."""
NO_OBJECT = "\x1dno JSON object: "
"""A line that is none becomes a row of this and its text, and is rejected for its one cell too many."""


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
    """The file's lines, those in its first `limit` bytes."""
    end = min(source.size, limit) if limit else source.size
    rest, at = b"", 0
    while at < end:
        data = source.read(at, min(CHUNK_BYTES, end - at))
        at += len(data)
        *whole, rest = (rest + data).split(b"\n")
        yield from whole
        if len(rest) > LONGEST_LINE or not data:
            break
    if rest and (limit is None or end == source.size):
        yield rest


def row_chunks(source: ByteSource, keys: Sequence[str]) -> Iterator[bytes]:
    """The objects as CSV in UTF-8, a line for each line of the file after one with the names.

    What has none of the keys is in a last column, as JSON.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_MINIMAL)
    writer.writerow([*map(_plain, keys), OTHERS])
    known = frozenset(keys)
    for line in lines_of(source):
        _write(out, writer, line, keys, known)
        if out.tell() >= CHUNK_BYTES:
            yield out.getvalue().encode("utf-8", "replace")
            out.seek(0)
            out.truncate()
    yield out.getvalue().encode("utf-8", "replace")


def _write(out: io.StringIO, writer: Any, line: bytes, keys: Sequence[str], known: frozenset[str]) -> None:  # noqa: ANN401 - csv's own
    found = _object(line)
    if found is not None:
        values = _with_nested(line, found)
        others = {key: value for key, value in values.items() if key not in known}
        writer.writerow([*(_text(values.get(key)) for key in keys), _text(others or None)])
    elif line.strip():
        writer.writerow([NO_OBJECT + _plain(line.decode("utf-8", "replace").rstrip()), *[""] * (len(keys) + 1)])
    else:
        out.write("\n")


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
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return _plain(value)
        case _:
            return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", NEWLINE_MARK)
