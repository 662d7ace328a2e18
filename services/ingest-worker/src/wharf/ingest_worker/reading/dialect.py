"""How a file is written: encoding, delimiter, quoting, header; found in a sample of it, with a confidence."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from wharf.common.errors import Invalid
from wharf.ingest_worker.reading.delimiter import Candidate, Sample, after, candidates
from wharf.ingest_worker.reading.encoding import decode_sample, detect_encoding
from wharf.ingest_worker.reading.header import find_header, normalised, skipped_before
from wharf.ingest_worker.reading.source import Cursor
from wharf.ingest_worker.reading.splitter import Syntax

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wharf.common.imports import ImportOptions

SAMPLE_BYTES: Final = 256 * 1024
"""How much of a file's beginning `detect` looks at."""


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
    """The line on which the header begins."""
    data: Cursor
    """Where the first record after the header begins."""
    confidence: float
    runner_up: Mapping[str, Any] | None = None
    skipped_lines: tuple[SkippedLine, ...] = ()

    @property
    def syntax(self) -> Syntax:
        """What the splitter needs of it."""
        return Syntax(self.codec, self.delimiter, self.quote)

    def as_dict(self) -> dict[str, Any]:
        """The `dialect` of an inspection, as the contract shows it."""
        return {
            "encoding": self.encoding,
            "delimiter": self.delimiter,
            "quote": self.quote or None,
            "escape": None,
            "newline": self.newline,
            "header_rows": [self.header_row],
            "compression": None,
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

    Raises `Invalid`: `empty_file`, `binary_file`, `unknown_encoding`, `bad_option`, `no_header`.
    """
    head = sample[:SAMPLE_BYTES]
    expected = frozenset(normalised(name) for name in expected_headers)
    encoding = detect_encoding(head, options.encoding)
    _refuse_empty(head[encoding.bom :], encoding.codec)
    seen = Sample(head, total_size, encoding.codec, Cursor(byte_offset=encoding.bom))
    ranked = candidates(seen, options, expected)
    best = ranked[0]
    found = find_header(best.rows, best.width, expected, options.header_row, required)
    return Dialect(
        encoding=encoding.name,
        codec=encoding.codec,
        delimiter=best.syntax.delimiter,
        quote=best.syntax.quote,
        newline=_newline(head, encoding.codec),
        header=found.row.cells,
        header_row=found.row.line,
        data=after(seen, found.row),
        confidence=_confidence(ranked, found.fit),
        runner_up=_runner_up(ranked),
        skipped_lines=tuple(SkippedLine(*line) for line in skipped_before(seen, found.row)),
    )


def _refuse_empty(text: bytes, codec: str) -> None:
    if not decode_sample(text, codec).strip("\ufeff \t\r\n\0"):
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
