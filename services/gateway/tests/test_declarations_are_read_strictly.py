"""Package types in YAML and JSON: what is refused, and where the sentence says it is."""

from __future__ import annotations

from typing import Any

import pytest

from wharf.common.errors import Invalid
from wharf.gateway.declarations import read_declaration
from wharf.gateway.yamltext import read_yaml

STOCK = """\
name: stock
title: Stock
sections:
  - name: all
    title: Everything
    dataset: assets
    columns:
      - {name: tag, title: Tag}
"""
LAUGHS = "a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in ("ab", "bc", "cd", "de"))


def refused(body: str | bytes, media_type: str = "application/yaml") -> Invalid:
    with pytest.raises(Invalid) as caught:
        read_declaration(body.encode() if isinstance(body, str) else body, media_type)
    return caught.value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Line 1, column 1: there is nothing in it."),
        (LAUGHS, "Line 1, column 4: anchor &a: anchors and aliases are not allowed. Write the part out."),
        ("a: 1\nb: *a", "Line 2, column 4: alias *a: anchors and aliases are not allowed. Write the part out."),
        (
            "a: !!python/object:os.system x",
            "Line 1, column 4: the tag tag:yaml.org,2002:python/object:os.system is not",
        ),
        ("k: !x y", "Line 1, column 4: the tag !x is not allowed."),
        ("a: 1\nb: 2\na: 3", "Line 3, column 1: the key 'a' comes twice; it stands in line 1 already."),
        ("--- 1\n--- 2", "Line 2, column 1: a second document begins here; send one."),
        ("? [a]\n: 1", "Line 1, column 3: a key must be a plain word."),
        ("[" * 30, "Line 1, column 22: more than 20 lists or maps within each other."),
        ("a: [1\nb: 2", "Line 2, column 2: did not find expected"),
        ("a: b\n\tc: d", "Line 2, column 1: "),
        ("a: b\nc: \x07", "Line 2, column 4: the character U+0007 is not allowed."),
    ],
)
def test_yaml_that_is_more_than_plain_is_refused_with_its_place(text: str, said: str) -> None:
    """Nothing is built of it: neither gigabytes, nor an object, nor half a declaration."""
    error = refused(text)
    assert error.error_code == "bad_yaml"
    assert error.message.startswith(said)


def test_a_declaration_with_a_loop_is_refused() -> None:
    """YAML could let a section be a part of itself; the schema knows no references at all."""
    looped = STOCK.replace("- name: all", "- &self\n    name: all") + "    filters: *self\n"
    assert "anchor &self" in refused(looped).message


def test_words_are_what_yaml_1_2_says() -> None:
    """Norway is no boolean, a date is a text, a time is no number of base 60, and what is quoted is a text."""
    found = read_yaml("[no, on, 2026-01-31, 12:30, '7', 7, -1.5, 1e3, .inf, 0x1f, true, null, <<]").value
    assert found == ["no", "on", "2026-01-31", "12:30", "7", 7, -1.5, 1000.0, ".inf", "0x1f", True, None, "<<"]


def test_every_problem_is_told_with_its_line_and_what_is_near() -> None:
    """In one answer: a person mends them all before the next try."""
    error = refused(
        STOCK.replace("title: Tag", "titel: Tag, format: txt").replace("dataset:", "datset:") + "local: en\n"
    )
    found = {p.loc: (p.code, p.message) for p in error.problems}
    assert found["body.sections.0.columns.0.titel"] == (
        "unknown_field",
        "Line 8, column 21: There is no field 'titel' here. Did you mean title or total or times?",
    )
    assert found["body.sections.0.columns.0.format"][1].startswith("Line 8, column 33: It has to be 'text', ")
    assert found["body.sections.0.columns.0.title"] == (
        "missing",
        "Line 8, column 9: This is needed, and was not said.",
    )
    assert found["body.sections.0.dataset"][1].startswith("Line 4, column 5: ")
    assert "Did you mean dataset" in found["body.sections.0.datset"][1]
    assert found["body.local"][1] == "Line 9, column 1: There is no field 'local' here. Did you mean locale?"
    assert (error.error_code, len(found)) == ("invalid_declaration", 6)
    assert error.message.endswith(f"({len(found) - 1} more: see errors)")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("    order: [{column: tagg}]", "all: not a column of this section: 'tagg'. Did you mean tag?"),
        ("    chart: {title: C, label: tag, value: tag}", "all: the chart's value must be a number"),
        ("      - {name: tag, title: Again}", "all: two columns have the name 'tag'"),
        ("      - {name: b, title: B, of: tag, from_property: b}", "b: say either of or from_property, not both"),
        ("      - {name: b, title: B, total: true}", "b: only numbers have a total; its format is text"),
        ("    filters: [{column: tag, is: equal}]", "tag: a filter of the kind equal needs one value"),
        ("    filters: [{column: tag, is: in, value: []}]", "tag: a filter of the kind in needs values"),
        ("    filters: [{column: tag, is: empty, value: x}]", "tag: a filter of the kind empty has no value"),
        ('    text: "a\\0b"', "control characters are not allowed here"),
        ("    formats: []", "Too few: there have to be 1 or more."),
    ],
)
def test_what_a_section_says_must_make_sense(change: str, said: str) -> None:
    """Checks that need no dataset, told in a line of the section."""
    message = refused(f"{STOCK}{change}\n").message
    assert message.endswith(said)
    assert message.startswith("Line ")


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ('{"name": "a", "name": "b"}', "bad_json", "The key 'name' comes twice."),
        ('{"name": ', "bad_json", "Line 1, column 10: Expecting value."),
        ("[" * 100_000, "bad_json", "There are too many lists or objects within each other."),
        ('{"name": NaN}', "bad_json", "NaN is no number of JSON."),
        (b'{"name": "\xff"}', "bad_encoding", "The declaration is not UTF-8: byte 11 is none of it."),
    ],
)
def test_json_is_read_as_strictly(body: str | bytes, code: str, said: str) -> None:
    """As YAML is, with a sentence."""
    error = refused(body, "application/json")
    assert (error.error_code, error.message) == (code, said)


def test_yaml_and_json_say_the_same() -> None:
    """What is kept does not depend on how it came."""
    kind = read_declaration(STOCK.encode(), "text/yaml").kind
    as_json: Any = kind.model_dump_json(by_alias=True)
    assert read_declaration(as_json.encode(), "application/json").kind == kind
    assert kind.to_keep() == {
        "name": "stock",
        "title": "Stock",
        "sections": [
            {"name": "all", "title": "Everything", "dataset": "assets", "columns": [{"name": "tag", "title": "Tag"}]}
        ],
    }
