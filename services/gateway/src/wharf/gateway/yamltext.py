"""YAML as people write declarations: plain values (as of YAML 1.2), each with its line and column.

Read from the parser's events, so that what is refused is refused before anything is built of it: anchors and aliases
(a few lines of them can stand for gigabytes, or for themselves), tags, keys that come twice, a second document.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

import yaml

from wharf.common.errors import Invalid, Problem

Path = tuple[str | int, ...]
Position = tuple[int, int]
"""Line and column, both from 1."""

PARSER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DEEPEST = 20
"""Lists and maps within each other; no declaration has a tenth of that many."""
PLAIN: dict[str, bool | None] = (
    dict.fromkeys(("", "~", "null", "Null", "NULL"))
    | dict.fromkeys(("true", "True", "TRUE"), True)
    | dict.fromkeys(("false", "False", "FALSE"), False)
)
"""Words that are no texts without quotes. `no`, `on` and dates are texts, as YAML 1.2 has them."""
INTEGER = re.compile(r"[-+]?[0-9]{1,30}")
FLOAT = re.compile(r"[-+]?(\.[0-9]{1,30}|[0-9]{1,30}(\.[0-9]{0,30})?)([eE][-+]?[0-9]{1,3})?")
UNPRINTABLE = yaml.reader.Reader.NON_PRINTABLE


@dataclass(frozen=True, slots=True)
class YamlText:
    """What a text says, and where it says it."""

    value: object
    places: dict[Path, Position]


def read_yaml(text: str) -> YamlText:
    """Read one document; raises `Invalid` (`bad_yaml`) with line and column."""
    if found := UNPRINTABLE.search(text):
        line = text.count("\n", 0, found.start()) + 1
        column = found.start() - text.rfind("\n", 0, found.start())
        _refuse((line, column), f"the character U+{ord(found[0]):04X} is not allowed")
    try:
        return _Reader(text).document()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        _refuse(where, str(getattr(error, "problem", None) or error))


class _Reader:
    """Builds the values from the events, one after the other."""

    def __init__(self, text: str) -> None:
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=PARSER)
        self._places: dict[Path, Position] = {}

    def document(self) -> YamlText:
        """The only one of the text."""
        next(self._events)
        if isinstance(next(self._events), yaml.StreamEndEvent):
            _refuse((1, 1), "there is nothing in it")
        value = self._value(next(self._events), ())
        next(self._events)
        if not isinstance(event := next(self._events), yaml.StreamEndEvent):
            _refuse(_position(event), "a second document begins here; send one")
        return YamlText(value, self._places)

    def _value(self, event: yaml.Event, path: Path) -> object:
        self._places.setdefault(path, _position(event))
        _refuse_specials(event, path)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path)
        assert isinstance(event, yaml.ScalarEvent)  # noqa: S101 - aliases are refused, and there is no other kind
        return _scalar(event)

    def _mapping(self, path: Path) -> dict[str, object]:
        found: dict[str, object] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event, path)
            if key in found:
                line = self._places[*path, key][0]
                _refuse(_position(event), f"the key {key!r} comes twice; it stands in line {line} already")
            self._places[*path, key] = _position(event)
            found[key] = self._value(next(self._events), (*path, key))
        return found

    @staticmethod
    def _key(event: yaml.Event, path: Path) -> str:
        _refuse_specials(event, path)
        if not isinstance(event, yaml.ScalarEvent):
            _refuse(_position(event), "a key must be a plain word")
        return str(event.value)

    def _sequence(self, path: Path) -> list[object]:
        found: list[object] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            found.append(self._value(event, (*path, len(found))))
        return found


def _refuse_specials(event: yaml.Event, path: Path) -> None:
    anchor = getattr(event, "anchor", None)
    if anchor is not None:
        what = "alias *" if isinstance(event, yaml.AliasEvent) else "anchor &"
        _refuse(_position(event), f"{what}{anchor}: anchors and aliases are not allowed. Write the part out")
    if (tag := getattr(event, "tag", None)) is not None:
        _refuse(_position(event), f"the tag {tag} is not allowed. Write the plain value")
    if len(path) > DEEPEST:
        _refuse(_position(event), f"more than {DEEPEST} lists or maps within each other")


def _scalar(event: yaml.ScalarEvent) -> object:
    text = event.value
    if event.style:
        return text
    if text in PLAIN:
        return PLAIN[text]
    if INTEGER.fullmatch(text):
        return int(text)
    if FLOAT.fullmatch(text) and math.isfinite(number := float(text)):
        return number
    return text


def _position(event: yaml.Event) -> Position:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def _refuse(where: Position, what: str) -> NoReturn:
    line, column = where
    message = f"Line {line}, column {column}: {what}."
    raise Invalid(message, code="bad_yaml", problems=(Problem("body", "bad_yaml", message),))
