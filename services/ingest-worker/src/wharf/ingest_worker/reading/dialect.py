"""How a file is written: encoding, delimiter, quoting, header; found in a sample of it, with a confidence."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

from wharf.common.corrections import IMPORT, unguarded
from wharf.common.errors import Invalid
from wharf.ingest_worker.reading.delimiter import LIKELY, Candidate, Sample, candidates
from wharf.ingest_worker.reading.encoding import decode_sample, detect_encoding
from wharf.ingest_worker.reading.header import SHOWN, normalised
from wharf.ingest_worker.reading.source import Cursor
from wharf.ingest_worker.reading.splitter import Syntax
from wharf.ingest_worker.reading.table import find_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from wharf.common.imports import ImportOptions

SAMPLE_BYTES: Final = 256 * 1024
"""How much of a file's beginning `detect` looks at."""
MOST_COLUMNS: Final = 10_000
"""A workbook has 16,384 at most, and hardly anybody has filled 1,000."""


@dataclass(frozen=True, slots=True)
class SkippedLine:
    """A line before the header that is no data: `why` is `blank` or `before_header`."""

    line: int
    text: str
    why: str


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the file is written, and where its data begins."""

    encoding: str
    codec: str
    delimiter: str
    quote: str
    newline: str
    header: tuple[str, ...]
    header_row: int
    """The line on which the header begins; 0 where there is none."""
    data: Cursor
    """Where the first record after the header begins."""
    confidence: float
    runner_up: Mapping[str, Any] | None = None
    skipped_lines: tuple[SkippedLine, ...] = ()
    escape: str = ""
    comment: str = ""
    newline_mark: str = ""
    packing: Mapping[str, Any] = field(default_factory=dict)
    """How the file is wrapped: `format`, `compression`, `sheet`, `sheets`, `keys`; empty for plain text."""
    header_rows: tuple[int, ...] = ()
    """The lines on which rows of names begin."""
    end: int | None = None
    """Where the data ends and something else follows; None: at the end of the file."""
    following: tuple[tuple[str, str], ...] = ()
    """The lines that follow: text and why they are no data (`footer`, `another_table`, `blank`)."""

    @property
    def syntax(self) -> Syntax:
        """What the splitter needs of it."""
        return Syntax(self.codec, self.delimiter, self.quote, self.escape, self.comment, self.newline_mark)

    def skipped(self, line: int, comments: Iterable[tuple[int, str]]) -> tuple[SkippedLine, ...]:
        """All lines that are no data, in order; those behind it are counted from `line`, on which the data ended."""
        behind = (SkippedLine(line + i, text, why) for i, (text, why) in enumerate(self.following))
        within = (SkippedLine(number, text[:SHOWN], "comment") for number, text in comments)
        return (*self.skipped_lines, *within, *behind)

    def as_dict(self) -> dict[str, Any]:
        """The `dialect` of an inspection, as the contract shows it."""
        return {
            "encoding": self.encoding,
            "delimiter": self.delimiter,
            "quote": self.quote or None,
            "escape": self.escape or None,
            "newline": self.newline,
            "header_rows": list(self.header_rows) or ([self.header_row] if self.header_row else []),
            "compression": self.packing.get("compression"),
            "format": self.packing.get("format", "csv"),
            "sheet": self.packing.get("sheet"),
            "sheets": list(self.packing.get("sheets", ())),
            "confidence": self.confidence,
            "runner_up": dict(self.runner_up) if self.runner_up else None,
        }

    def to_dict(self) -> dict[str, Any]:
        """Everything, for a checkpoint."""
        return asdict(self)

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Self:
        """The dialect that `to_dict` gave, also after a way through JSON."""
        fields = dict(kept)
        fields["header"] = tuple(kept["header"])
        fields["data"] = Cursor.from_dict(kept["data"])
        fields["skipped_lines"] = tuple(SkippedLine(**line) for line in kept["skipped_lines"])
        fields["header_rows"] = tuple(kept.get("header_rows", ()))
        fields["following"] = tuple(map(tuple, kept.get("following", ())))
        return cls(**fields)


def detect(
    sample: bytes,
    total_size: int,
    options: ImportOptions,
    expected_headers: frozenset[str],
    required: Sequence[str] = (),
) -> Dialect:
    """The dialect of a file of `total_size` bytes that begins with `sample` (up to `SAMPLE_BYTES` are looked at).

    `expected_headers` are the names under which columns may come, in any spelling; when there are none
    the first row that looks like a header is one. `required` are named when there is no header.

    Raises `Invalid`: `empty_file`, `binary_file`, `unknown_encoding`, `bad_option`, `no_header`, `too_many_columns`.
    """
    head = sample[:SAMPLE_BYTES]
    expected = frozenset(normalised(name) for name in expected_headers)
    encoding = detect_encoding(head, options.encoding)
    text = decode_sample(head[encoding.bom :], encoding.codec)
    _refuse_empty(text)
    _refuse_too_wide(text, options.delimiter)
    seen = Sample(head, total_size, encoding.codec, Cursor(byte_offset=encoding.bom))
    ranked = candidates(seen, options, expected)
    best = ranked[0]
    table = find_table(seen, best, options.header_row, expected, required)
    return Dialect(
        encoding=encoding.name,
        codec=encoding.codec,
        delimiter=best.syntax.delimiter,
        quote=best.syntax.quote,
        escape=best.syntax.escape,
        comment=best.syntax.comment,
        newline=_newline(head, encoding.codec),
        header=tuple(map(unguarded, table.header)) if IMPORT in table.header else table.header,
        header_row=table.header_rows[0].line if table.header_rows else 0,
        header_rows=tuple(row.line for row in table.header_rows),
        data=table.data,
        confidence=_confidence(ranked, table.fit),
        runner_up=_runner_up(ranked),
        skipped_lines=tuple(SkippedLine(*line) for line in table.skipped),
        end=table.end,
        following=table.following,
    )


def _refuse_too_wide(text: str, delimiter: str | None) -> None:
    """Before each of its columns is looked at."""
    first = text.lstrip("\r\n").splitlines()[0]
    columns = max(first.count(mark) for mark in ((delimiter,) if delimiter else LIKELY)) + 1
    if columns > MOST_COLUMNS:
        message = f"The file has {columns:,} columns or more. At most {MOST_COLUMNS:,} are read: leave some out."
        raise Invalid(message, code="too_many_columns")


def _refuse_empty(text: str) -> None:
    if not text.strip("\ufeff \t\r\n\0"):
        raise Invalid("The file is empty. Upload a file with a header and rows.", code="empty_file")


def _newline(sample: bytes, codec: str) -> str:
    text = decode_sample(sample, codec)
    pairs = text.count("\r\n")
    counts = {"\r\n": pairs, "\n": text.count("\n") - pairs, "\r": text.count("\r") - pairs}
    return max(counts, key=lambda newline: counts[newline]) if any(counts.values()) else "\n"


def _confidence(ranked: Sequence[Candidate], fit: float) -> float:
    """How even the records are and how well the header fits, less where another delimiter does nearly as well."""
    best = ranked[0]
    rival = ranked[1].score / best.score if len(ranked) > 1 and best.score else 0.0
    return round(best.share * (0.5 + 0.5 * fit) * (1 - 0.5 * rival), 3)


def _runner_up(ranked: Sequence[Candidate]) -> dict[str, Any] | None:
    rival = next((c for c in ranked[1:] if c.score > 0 and c.syntax.delimiter != ranked[0].syntax.delimiter), None)
    if rival is None:
        return None
    return {"delimiter": rival.syntax.delimiter, "quote": rival.syntax.quote or None, "score": round(rival.score, 3)}
