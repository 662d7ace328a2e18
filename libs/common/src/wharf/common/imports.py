"""What a user may say about a file: the options of an import, checked where they arrive.

The gateway turns a bad value into 422 with one problem for each; a worker reads the same model from
the job's payload. Codes: `bad_option`, `unknown_encoding`, and pydantic's own for types and bounds.
"""

from __future__ import annotations

import codecs
from typing import Annotated, Final, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

from wharf.common.profiles.types import Name, Policy

DateOrder = Literal["MDY", "DMY", "YMD"]
DecimalMark = Literal[".", ","]

WIDE_ENCODINGS: Final = frozenset({
    "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be",
})  # fmt: skip
"""Encodings whose code unit has more than one byte; all others that are read hold ASCII as it is."""

NOT_FOR_FILES: Final = frozenset({"idna", "punycode", "raw-unicode-escape", "unicode-escape", "utf-7"})
NAMED_DELIMITERS: Final = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}


def known_encoding(name: str) -> str:
    """Python's name for a text encoding that files can be read in.

    Raises ValueError for names that are unknown, and for codecs that keep ASCII otherwise (EBCDIC,
    ISO-2022, UTF-7): record ends could not be found in the original bytes.
    """
    try:
        found = codecs.lookup(name).name
    except (LookupError, ValueError) as error:
        raise ValueError(f"unknown encoding {name!r}") from error
    if found == "utf-8-sig":
        return "utf-8"
    if found in WIDE_ENCODINGS or _holds_ascii(found):
        return found
    raise ValueError(f"files in {name!r} cannot be read")


def _holds_ascii(name: str) -> bool:
    """Whether the first 128 bytes mean what they mean in ASCII."""
    if name.replace("_", "-") in NOT_FOR_FILES:
        return False
    plain = bytes(range(128))
    stateful = b"\x1b$B0"  # ISO 2022 goes over to two bytes a letter here
    try:
        return plain.decode(name) == plain.decode("ascii") and stateful.decode(name) == stateful.decode("ascii")
    except (UnicodeError, LookupError):
        return False


def _named_delimiter(value: object) -> object:
    return NAMED_DELIMITERS.get(value.lower(), value) if isinstance(value, str) else value


EncodingName = Annotated[str, StringConstraints(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:\-]*$")]
Delimiter = Annotated[str, BeforeValidator(_named_delimiter), StringConstraints(min_length=1, max_length=8)]

NullText = Annotated[str, StringConstraints(min_length=1, max_length=50, strip_whitespace=True)]


class ImportOptions(BaseModel):
    """What the user says about the file; what is left out is detected."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_max_length=100)

    encoding: EncodingName | None = None
    delimiter: Delimiter | None = None
    """One to eight ASCII characters, or one of the words tab, comma, semicolon, pipe."""
    quote: Annotated[str, StringConstraints(max_length=1)] | None = None
    """One ASCII character; the empty string says that quotes are data."""
    escape: Annotated[str, StringConstraints(max_length=1)] | None = None
    """One ASCII character, most often the backslash; the empty string says that quotes in cells are doubled."""
    comment: Annotated[str, StringConstraints(max_length=1)] | None = None
    """One ASCII character; lines that begin with it are left out, and listed."""
    header_row: Annotated[int, Field(ge=0, le=1000)] | None = None
    """The line of the file on which the header begins; the first line is 1. 0: there is none, and the columns are
    called `column_1`, `column_2`, ..."""
    sheet: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = None
    """Of a workbook: the sheet's name, or its place from 1; else the first that is not hidden."""
    date_order: DateOrder | None = None
    decimal: DecimalMark | None = None
    nulls: Annotated[tuple[NullText, ...], Field(max_length=50)] | None = None
    """Cells that mean nothing, such as `NA` or `-`, in any case; goes before what the profile says."""
    max_reject_ratio: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    conflicts: Annotated[dict[Name, Policy], Field(max_length=1000)] | None = None
    """What becomes of a cell that is there and differs, by column; goes before what the profile says."""

    part_bytes: Annotated[int, Field(ge=2**20)] | None = None
    """A file of at least twice this size is read in parts of about this size, by several workers at once."""

    @model_serializer(mode="wrap")
    def _what_was_said(self, serialise: SerializerFunctionWrapHandler) -> dict[str, object]:
        """What is left out is not written: a worker of the version before reads what it knows."""
        return {name: value for name, value in serialise(self).items() if value is not None}

    @field_validator("encoding")
    @classmethod
    def _encoding_is_known(cls, value: str | None) -> str | None:
        try:
            return known_encoding(value) if value else value
        except ValueError as error:
            message = "Files cannot be read in the encoding {name}. Use a name such as utf-8, cp1252 or shift_jis."
            raise PydanticCustomError("unknown_encoding", message, {"name": value}) from error

    @field_validator("quote", "comment")
    @classmethod
    def _is_a_mark(cls, value: str | None) -> str | None:
        if value and (not value.isascii() or value.isalnum() or value in "\r\n\0\\"):
            raise PydanticCustomError("bad_option", "Use one ASCII mark that is no letter, digit or line end.")
        return value

    @field_validator("delimiter", "escape")
    @classmethod
    def _is_no_text(cls, value: str | None) -> str | None:
        if value and (not value.isascii() or value.isalnum() or set(value) & set("\r\n\0")):
            raise PydanticCustomError("bad_option", "Use ASCII marks that are no letters, digits or line ends.")
        return value

    @model_validator(mode="after")
    def _marks_differ(self) -> Self:
        if self.delimiter and self.delimiter == self.quote:
            raise PydanticCustomError("bad_option", "The delimiter and the quote cannot be the same character.")
        return self
