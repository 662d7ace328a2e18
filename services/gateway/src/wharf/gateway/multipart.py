"""A multipart form read while it arrives: its fields in memory, its one file straight on to a sink."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Protocol

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from wharf.common.errors import Invalid, Problem

FILE = "file"
MOST_FIELDS = 32
FIELD_BYTES = 256 * 1024
"""All fields together: the largest one is the mapping of a table with a thousand columns."""


class Sink(Protocol):
    """Where a file's bytes go as they arrive."""

    async def open(self, file_name: str, media_type: str) -> None:
        """The file's part begins."""

    async def write(self, data: bytes) -> None:
        """The next bytes of the file; may refuse them with an error of ours."""


class _Step(Enum):
    HEADER_NAME = auto()
    HEADER_VALUE = auto()
    HEADER_END = auto()
    BODY_BEGIN = auto()
    BODY = auto()
    PART_END = auto()
    END = auto()


@dataclass
class _Part:
    """One part's headers, and where its bytes go: to the sink, or into `value`."""

    headers: dict[str, bytes] = field(default_factory=dict)
    header_name: bytearray = field(default_factory=bytearray)
    header_value: bytearray = field(default_factory=bytearray)
    name: str = ""
    is_file: bool = False
    value: bytearray = field(default_factory=bytearray)


class Form:
    """Reads one form into `fields`; the part `file` goes to the sink. Raises `Invalid` for what is no such form."""

    def __init__(self, content_type: str, sink: Sink) -> None:
        self.fields: dict[str, str] = {}
        self.has_file = False
        self._sink = sink
        self._part = _Part()
        self._misplaced: str | None = None
        self._steps: list[tuple[_Step, bytes]] = []
        self._field_bytes = 0
        self._ended = False
        self._parser = self._make_parser(boundary_of(content_type))

    async def read(self, stream: AsyncIterator[bytes]) -> None:
        """Take in a whole body, piece by piece."""
        async for chunk in stream:
            self._parse(chunk)
            for step, data in self._steps:
                await self._take(step, data)
            self._steps.clear()
        if not self._ended:
            raise _malformed("The form ends in its middle")
        if not self.has_file:
            raise self._no_file()

    def _no_file(self) -> Invalid:
        message = "The form has no file. Send it as the part `file`."
        if self._misplaced is not None:
            message = f"The file came in the part `{self._misplaced[:100]}`. Send it in the part `file`."
        return Invalid(message, code="file_missing", problems=(Problem("body.file", "missing", message),))

    def _make_parser(self, boundary: bytes) -> MultipartParser:
        def says(step: _Step) -> None:
            self._steps.append((step, b""))

        def brings(step: _Step, data: bytes, start: int, end: int) -> None:
            self._steps.append((step, data[start:end]))

        try:
            return MultipartParser(
                boundary,
                {
                    "on_header_field": lambda *piece: brings(_Step.HEADER_NAME, *piece),
                    "on_header_value": lambda *piece: brings(_Step.HEADER_VALUE, *piece),
                    "on_header_end": lambda: says(_Step.HEADER_END),
                    "on_headers_finished": lambda: says(_Step.BODY_BEGIN),
                    "on_part_data": lambda *piece: brings(_Step.BODY, *piece),
                    "on_part_end": lambda: says(_Step.PART_END),
                    "on_end": lambda: says(_Step.END),
                },
            )
        except FormParserError as error:
            raise _malformed("The boundary of the form cannot be used") from error

    def _parse(self, chunk: bytes) -> None:
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise _malformed("The body is not the form that its Content-Type says") from error

    async def _take(self, step: _Step, data: bytes) -> None:
        part = self._part
        match step:
            case _Step.HEADER_NAME:
                part.header_name += data
            case _Step.HEADER_VALUE:
                part.header_value += data
            case _Step.HEADER_END:
                part.headers[part.header_name.decode("latin-1").lower()] = bytes(part.header_value)
                part.header_name.clear()
                part.header_value.clear()
            case _Step.BODY_BEGIN:
                await self._begin(part)
            case _Step.BODY:
                await self._body(part, data)
            case _Step.PART_END:
                self._end_part(part)
            case _Step.END:
                self._ended = True

    async def _begin(self, part: _Part) -> None:
        _, options = parse_options_header(part.headers.get("content-disposition", b""))
        part.name = options.get(b"name", b"").decode("utf-8", "replace")
        part.is_file = part.name == FILE
        if not part.is_file:
            self._check_field(part)
            if b"filename" in options:
                self._misplaced = part.name
            return
        if self.has_file:
            message = "The form has more than one file. Send one request for each."
            raise Invalid(message, code="second_file", problems=(Problem("body.file", "second_file", message),))
        self.has_file = True
        file_name = options.get(b"filename", b"").decode("utf-8", "replace")
        await self._sink.open(file_name, part.headers.get("content-type", b"").decode("latin-1"))

    def _check_field(self, part: _Part) -> None:
        if not part.name:
            raise _malformed("A part of the form has no name")
        if part.name in self.fields:
            message = f"The field {part.name} comes twice."
            raise Invalid(message, code="field_twice", problems=(Problem(f"body.{part.name}", "field_twice", message),))
        if len(self.fields) >= MOST_FIELDS:
            message = f"The form has more than {MOST_FIELDS} fields."
            raise Invalid(message, code="too_many_fields", problems=(Problem("body", "too_many_fields", message),))

    async def _body(self, part: _Part, data: bytes) -> None:
        if part.is_file:
            await self._sink.write(data)
            return
        self._field_bytes += len(data)
        if self._field_bytes > FIELD_BYTES:
            if self._misplaced == part.name and not self.has_file:
                raise self._no_file()
            message = f"The form's fields have more than {FIELD_BYTES} bytes together."
            raise Invalid(message, code="fields_too_large", problems=(Problem("body", "too_large", message),))
        part.value += data

    def _end_part(self, part: _Part) -> None:
        if not part.is_file:
            self.fields[part.name] = _text(part)
        self._part = _Part()


def boundary_of(content_type: str) -> bytes:
    """What separates the parts; raises `Invalid` where the request is no form."""
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data":
        message = "Send the file as multipart/form-data, in the part `file`."
        raise Invalid(message, code="not_a_form", problems=(Problem("header.content-type", "not_a_form", message),))
    boundary = options.get(b"boundary", b"")
    if not boundary:
        raise _malformed("The Content-Type names no boundary")
    return boundary


def _text(part: _Part) -> str:
    try:
        return part.value.decode("utf-8")
    except UnicodeDecodeError as error:
        message = f"The field {part.name} is not UTF-8."
        problem = Problem(f"body.{part.name}", "not_utf8", message)
        raise Invalid(message, code="not_utf8", problems=(problem,)) from error


def _malformed(what: str) -> Invalid:
    message = f"{what}. Send it as multipart/form-data with the part `file`."
    return Invalid(message, code="malformed_form", problems=(Problem("body", "malformed_form", message),))
