"""What a user may say about a file."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from wharf.common.imports import ImportOptions, known_encoding


def refused(**options: object) -> list[tuple[object, str]]:
    """Where and with what code options are refused."""
    with pytest.raises(ValidationError) as caught:
        ImportOptions(**options)
    return [(error["loc"][0] if error["loc"] else None, error["type"]) for error in caught.value.errors()]


def test_nothing_need_be_said() -> None:
    """All of it is detected then."""
    assert ImportOptions().model_dump(exclude_none=True) == {}


@pytest.mark.parametrize(("said", "kept"), [("tab", "\t"), ("\\t", "\t"), ("Semicolon", ";"), ("|", "|")])
def test_a_delimiter_may_be_said_by_name(said: str, kept: str) -> None:
    """A tab is hard to type into JSON."""
    assert ImportOptions(delimiter=said).delimiter == kept


@pytest.mark.parametrize(("said", "kept"), [("UTF8", "utf-8"), ("utf-8-sig", "utf-8"), ("latin1", "iso8859-1"),
                                           ("windows-1252", "cp1252"), ("UTF-16", "utf-16"),
                                           ("SJIS", "shift_jis")])  # fmt: skip
def test_an_encoding_has_many_names(said: str, kept: str) -> None:
    """One of them is kept."""
    assert ImportOptions(encoding=said).encoding == kept


@pytest.mark.parametrize("name", ["klingon", "rot13", "base64", "utf-7", "cp037", "iso2022_jp", "idna",
                                  "raw_unicode_escape", "unicode_escape", "hz"])  # fmt: skip
def test_an_encoding_in_which_lines_cannot_be_found_is_refused(name: str) -> None:
    """So is one that nobody knows."""
    assert refused(encoding=name) == [("encoding", "unknown_encoding")]
    with pytest.raises(ValueError, match=name):
        known_encoding(name)


@pytest.mark.parametrize("options", [
    {"delimiter": "a"}, {"delimiter": "\n"}, {"delimiter": "é"}, {"quote": "x"}, {"quote": "\0"},
    {"delimiter": "'", "quote": "'"},
])  # fmt: skip
def test_marks_that_cannot_be_are_bad_options(options: dict[str, str]) -> None:
    """The gateway shows the code."""
    assert [code for _, code in refused(**options)] == ["bad_option"]


@pytest.mark.parametrize("options", [
    {"delimiter": "|~|~|~|~|"}, {"delimiter": ""}, {"header_row": -1}, {"header_row": "x"}, {"date_order": "DYM"},
    {"decimal": "'"}, {"max_reject_ratio": 1.5}, {"encoding": "x" * 50}, {"encoding": "../etc"}, {"nonsense": 1},
])  # fmt: skip
def test_every_option_has_its_bounds(options: dict[str, object]) -> None:
    """A misspelt one is an error too."""
    assert [where for where, _ in refused(**options)] == list(options)


def test_no_quoting_is_said_by_an_empty_quote() -> None:
    """It differs from not saying anything."""
    assert ImportOptions(quote="").quote == ""
