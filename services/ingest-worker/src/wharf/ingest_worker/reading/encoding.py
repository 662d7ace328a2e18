"""What the bytes of a sample are: a kind of binary file, or text in an encoding."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import Final

from charset_normalizer import from_bytes

from wharf.common.errors import Invalid
from wharf.common.imports import WIDE_ENCODINGS, known_encoding

BOMS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16: it begins with the same two bytes
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
UNSTATED_ORDER: Final = {"utf-16": "utf-16-le", "utf-32": "utf-32-le"}

LEGACY: Final = (
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1257", "cp1255", "cp1256",
    "cp932", "euc_jp", "gb18030", "big5", "cp949", "koi8_r", "cp850", "mac_roman",
)  # fmt: skip
"""Encodings of real exports, the likelier first: it wins where the evidence is equal."""
FALLBACK: Final = "cp1252"
COMMON_SIGNS: Final = "€°\xa0".encode(FALLBACK)
"""Alone they say nothing of a language."""
WORD: Final = re.compile(rb"""[A-Za-z\x80-\xff][^\x00-\x1f,;|"0-9]*""")
NEVER_TEXT: Final = frozenset(b"\xfe\xff\xc0\xc1")
"""Bytes that are damage rather than letters of an older encoding when they come alone."""

MAGIC: Final = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook (xlsx)"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"%PDF-", "a PDF"),
    (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office file (xls, doc), or a workbook with a password"),
    (b"\x1f\x8b\x08", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"PAR1", "a Parquet file"),
    (b"ARROW1", "an Arrow file"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
)
SEPARATORS: Final = b"\x01\t\n\x0b\x0c\r\x1a\x1b\x1c\x1d\x1e\x1f"
CONTROLS: Final = bytes(set(range(32)) - set(SEPARATORS))
CONTROLS_IN_TEXT: Final = 0.05
EVIDENCE_BYTES: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class Encoding:
    """An encoding of the file, and how many bytes its byte order mark takes."""

    codec: str
    bom: int = 0

    @property
    def name(self) -> str:
        """As it is shown."""
        return "utf-8-sig" if self.codec == "utf-8" and self.bom else self.codec


def detect_encoding(sample: bytes, stated: str | None = None) -> Encoding:
    """The encoding of a file that begins with `sample`; `stated` by the user, it is taken as it is.

    Raises `Invalid`: `binary_file`, `unknown_encoding`.
    """
    if stated:
        return _stated(sample, stated)
    marked = _marked(sample)
    if marked:
        return marked
    wide = _wide(sample)
    _refuse_binary(sample, wide=wide is not None)
    return Encoding(wide or ("utf-8" if _is_utf8(sample) else _legacy(sample)))


def decode_sample(sample: bytes, codec: str) -> str:
    """The text of a sample; what does not decode is shown as U+FFFD, a letter cut off at its end is left out."""
    return codecs.getincrementaldecoder(codec)("replace").decode(sample)


def _stated(sample: bytes, stated: str) -> Encoding:
    try:
        codec = known_encoding(stated)
    except ValueError as error:
        message = f"Files cannot be read in the encoding {stated!r}. Use a name such as utf-8, cp1252 or shift_jis."
        raise Invalid(message, code="unknown_encoding") from error
    marked = _marked(sample)
    if marked and marked.codec.startswith(codec):
        return marked
    codec = UNSTATED_ORDER.get(codec, codec)
    _refuse_binary(sample, wide=codec in WIDE_ENCODINGS)
    return Encoding(codec)


def _marked(sample: bytes) -> Encoding | None:
    return next((Encoding(codec, len(bom)) for bom, codec in BOMS if sample.startswith(bom)), None)


def _wide(sample: bytes) -> str | None:
    """UTF-16 or UTF-32 without a mark: zeros in the high bytes only."""
    head = sample[: EVIDENCE_BYTES - EVIDENCE_BYTES % 4]
    if not head.strip(b"\0"):
        return None
    zeros = [_share_of_zeros(head[i::4]) for i in range(4)]
    shapes = {"utf-32-le": "??11", "utf-32-be": "11??", "utf-16-le": "0+0+", "utf-16-be": "+0+0"}
    for codec, shape in shapes.items():
        if all(_fits(share, expected) for share, expected in zip(zeros, shape, strict=True)):
            return codec
    return None


def _share_of_zeros(part: bytes) -> float:
    return part.count(0) / len(part) if part else 0.0


def _fits(share: float, expected: str) -> bool:
    """Whether a share of zeros is nearly all (1), some (+), nearly none (0), or whatever it may be (?)."""
    bounds = {"1": (0.9, 1.0), "+": (0.2, 1.0), "0": (0.0, 0.1), "?": (0.0, 1.0)}
    low, high = bounds[expected]
    return low <= share <= high


def _refuse_binary(sample: bytes, *, wide: bool) -> None:
    """Known by its first bytes (letters alone don't tell), or full of control characters."""
    head = sample[:EVIDENCE_BYTES]
    seems = next((kind for magic, kind in MAGIC if sample.startswith(magic)), None)
    if seems and sample[:3].isalnum() and b"\0" not in head:
        seems = None
    controls = 0 if wide else len(head) - len(head.translate(None, CONTROLS))
    if not seems and controls > max(8, CONTROLS_IN_TEXT * len(head)):
        seems = "binary data, not text"
    if seems:
        message = (
            f"This is no table of text: the file seems to be {seems}. Export it as CSV, or unpack it, and upload that."
        )
        raise Invalid(message, code="binary_file", detail={"seems": seems})


def _is_utf8(sample: bytes) -> bool:
    """UTF-8, a few damaged bytes allowed: those cost their rows, not the file."""
    if sample.isascii():
        return True
    text = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode(sample)
    damaged = [ord(c) - 0xDC00 for c in re.findall("[\udc80-\udcff]", text)]
    letters = len(re.findall("[^\x00-\x7f\udc80-\udcff]", text))
    foreign = sum(byte not in NEVER_TEXT for byte in damaged)
    return foreign == 0 or letters >= foreign


def _legacy(sample: bytes) -> str:
    """The likeliest older encoding of the words that have letters outside ASCII."""
    words = [word for word in WORD.findall(sample) if not word.isascii()]
    evidence = b" ".join(words)[:EVIDENCE_BYTES]
    if not evidence.translate(None, bytes(range(0x80)) + COMMON_SIGNS):
        return FALLBACK
    found = from_bytes(evidence, cp_isolation=list(LEGACY), threshold=0.95, preemptive_behaviour=False)
    ranked = [
        (round(match.chaos, 2), -round(match.coherence, 2), LEGACY.index(name))
        for match in found
        for name in match.could_be_from_charset
        if name in LEGACY
    ]
    return LEGACY[min(ranked)[2]] if ranked else FALLBACK
