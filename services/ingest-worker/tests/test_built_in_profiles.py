"""Files as the systems write them, read by the built-in profiles."""

from __future__ import annotations

import ast
import csv
import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import wharf.common.profiles
import wharf.ingest_worker
from wharf.common.imports import ImportOptions
from wharf.common.profiles import Column, Profile, builtin_profile, builtin_profiles
from wharf.ingest_worker.reading import SAMPLE_BYTES, Bytes, detect_profile, make_plan, map_columns, read_batches

HEADER = (
    "Summary", "Issue key", "Issue id", "Issue Type", "Status", "Project key", "Project name", "Priority",
    "Resolution", "Assignee", "Reporter", "Creator", "Created", "Updated", "Last Viewed", "Resolved", "Due date",
    "Labels", "Labels", "Sprint", "Sprint", "Component/s", "Fix Version/s", "Fix Version/s", "Description",
    "Inward issue link (Blocks)", "Inward issue link (Blocks)", "Attachment", "Custom field (Story Points)",
    "Custom field (Epic Link)", "Custom field (Team)", "Parent", "", "Comment", "Comment",
)  # fmt: skip
DESCRIPTION = 'As a user I want "quotes",\nand lines;\r\n\r\nand more, so that "" works'
COMMENTS = ("12/Nov/25 3:14 PM;ann;first,\nwith a line", '13/Nov/25 9:00 AM;bob;"second"')
ISSUE = (
    "A summary, with a comma", "WH-1", "10001", "Story", "In Progress", "WH", "Wharf", "High", "", "ann", "bob", "bob",
    "12/Nov/25 3:14 PM", "1/Dec/25 12:05 AM", "2/Dec/25 8:00 AM", "", "24/Dec/25 12:00 AM", "ui", "backend", "S 1",
    "S 2", "API", "1.0", "1.1", DESCRIPTION, "WH-7", "WH-8", "12/Nov/25 3:14 PM;ann;a.png;https://x/a.png", "3.5",
    "WH-100", "Blue", "10000", "", *COMMENTS,
)  # fmt: skip


def as_csv(*rows: Sequence[str]) -> bytes:
    """A file of these rows, quoted where it must be."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode()


def read(data: bytes, profile: Profile | None = None, **sizes: int) -> tuple[list[dict[str, Any]], list[Any]]:
    """Rows, and rejects as (line, codes, raw); the profile is detected where none is given."""
    sample = data[:SAMPLE_BYTES]
    profile = profile or detect_profile(sample, len(data), builtin_profiles().values(), ImportOptions()).profile
    plan = make_plan(sample, len(data), profile, ImportOptions())
    batches = list(read_batches(Bytes(data), plan, profile, **sizes))
    rejects = [row for b in batches for row in b.rejects.to_pylist()]
    assert sum(b.records for b in batches) == sum(b.rows.num_rows + b.rejects.num_rows for b in batches)
    assert batches[-1].cursor.byte_offset == len(data)
    return [row for b in batches for row in b.rows.to_pylist()], [
        (r["line"], [e["code"] for e in json.loads(r["errors"])], r["raw"]) for r in rejects
    ]


def properties(row: dict[str, Any]) -> dict[str, Any]:
    """What a row keeps beside its columns."""
    found: dict[str, Any] = json.loads(row["properties"])
    return found


def test_a_jira_export_comes_with_every_column() -> None:
    """Lists, dates, quoted texts of several lines, custom fields; what nobody asked for is kept."""
    [row], rejects = read(as_csv(HEADER, ISSUE))
    assert rejects == []
    assert row == {
        "issue_key": "WH-1", "issue_id": "10001", "summary": "A summary, with a comma", "issue_type": "Story",
        "status": "In Progress", "project_key": "WH", "priority": "High", "resolution": None, "assignee": "ann",
        "reporter": "bob", "creator": "bob", "created": datetime(2025, 11, 12, 15, 14, tzinfo=UTC),
        "updated": datetime(2025, 12, 1, 0, 5, tzinfo=UTC), "resolved": None,
        "due_date": datetime(2025, 12, 24, tzinfo=UTC), "labels": ["ui", "backend"], "sprints": ["S 1", "S 2"],
        "components": ["API"], "fix_versions": ["1.0", "1.1"], "comments": list(COMMENTS),
        "attachments": ["12/Nov/25 3:14 PM;ann;a.png;https://x/a.png"], "story_points": "3.5", "epic_link": "WH-100",
        "parent": "10000", "description": DESCRIPTION, "properties": row["properties"], "_line": 2,
    }  # fmt: skip
    assert properties(row) == {
        "Project name": "Wharf", "Last Viewed": "2/Dec/25 8:00 AM", "Team": "Blue",
        "Inward issue link (Blocks)": ["WH-7", "WH-8"],
    }  # fmt: skip


@pytest.mark.parametrize("spelled", [str.upper, str.lower, str.title])
def test_the_case_of_headers_does_not_matter(spelled: Any) -> None:
    """Custom fields included."""
    [row], _ = read(as_csv([spelled(name) for name in HEADER], ISSUE))
    assert (row["issue_key"], row["story_points"], row["labels"]) == ("WH-1", "3.5", ["ui", "backend"])


def test_a_row_with_more_cells_than_the_header_is_kept() -> None:
    """Jira does that: the others are in properties, in their order, and the rows stay in theirs."""
    header = ("Issue key", "Summary", "Comment", "Custom")
    wide = ("WH-2", "b", "one", "c", "two, and\nmore", "", "three")
    rows, rejects = read(as_csv(header, ("WH-1", "a", "", ""), wide, ("WH-3", "c", "x", "y", "", " "), ("WH-4", "d")))
    assert [(r["issue_key"], r["_line"]) for r in rows] == [("WH-1", 2), ("WH-2", 3), ("WH-3", 5)]
    assert properties(rows[1]) == {"_surplus": ["two, and\nmore", "three"], "Custom": "c"}
    assert (rows[0]["properties"], properties(rows[2])) == (None, {"Custom": "y"})
    assert [(line, codes) for line, codes, _ in rejects] == [(6, ["too_few_cells"])]


def test_a_file_whose_every_row_is_wider_than_its_header_loads() -> None:
    """The delimiter is found all the same; what is wrong in such a row is still told."""
    rows = [(f"WH-{i}", "text; text", "12/Nov/25 3:14 PM", "more") for i in range(30)]
    header = ("Issue key", "Summary", "Created")
    found, rejects = read(as_csv(header, *rows, ("", "no key", "", "x"), ("WH-X", "s", "someday", "x")))
    assert len(found) == 30
    assert {tuple(properties(row)["_surplus"]) for row in found} == {("more",)}
    assert [codes for _, codes, _ in rejects] == [["required"], ["not_a_date"]]


def test_surplus_cells_with_a_nul_byte_are_rejected() -> None:
    """PostgreSQL keeps none, in JSON either."""
    rows, rejects = read(b"Issue key,Summary\nWH-1,a,b\0c\nWH-2,a,b\n")
    assert [row["issue_key"] for row in rows] == ["WH-2"]
    assert rejects == [(2, ["nul_byte"], "WH-1,a,b\\x00c")]


def test_a_profile_that_does_not_ask_for_surplus_cells_rejects_them() -> None:
    """Elsewhere they are a sign of a delimiter that nobody quoted."""
    _, rejects = read(b"tag,type\nP-1,pump,x\n")
    assert [codes for _, codes, _ in rejects] == [["too_many_cells"]]


@pytest.mark.parametrize("block_bytes", [16, 300, 2**20])
def test_an_export_cut_off_in_a_comment_loses_one_row(block_bytes: int) -> None:
    """Everything before it loads; the row that has no end is set aside with its whole text, and explained."""
    header = ("Issue key", "Summary", "Comment")
    data = as_csv(header, *((f"WH-{i}", "s", "a\nb") for i in range(20)))
    cut = 'WH-20,s,"12/Nov/25;ann;a long\ncomment, of, many\n\nlines that\nends he'
    rows, rejects = read(data + cut.encode(), block_bytes=block_bytes)
    assert len(rows) == 20
    assert rejects == [(42, ["unclosed_quote"], cut)]


def test_a_stray_quote_costs_its_line_and_not_the_rows_after_it() -> None:
    """There the file is not cut off."""
    rows, rejects = read(b'Issue key,Summary\nWH-1,"open\nWH-2,b\nWH-3,c\n')
    assert [row["issue_key"] for row in rows] == ["WH-2", "WH-3"]
    assert rejects == [(2, ["unclosed_quote"], 'WH-1,"open')]


def test_three_hundred_repeated_headers_are_one_list() -> None:
    """Of a column, and of headers that nobody knows."""
    header = ["Issue key", *["Comment"] * 300, *["Watchers"] * 300, *[f"Custom field (F{i})" for i in range(300)]]
    cells = ["WH-1", *(f"c{i}" for i in range(300)), *(f"w{i}" for i in range(300)), *["v"] * 300]
    [row], rejects = read(as_csv(header, cells))
    assert rejects == []
    assert row["comments"] == [f"c{i}" for i in range(300)]
    assert properties(row)["Watchers"] == [f"w{i}" for i in range(300)]
    assert properties(row)["F299"] == "v"


def test_a_custom_field_does_not_take_the_place_of_a_real_column() -> None:
    """Nor of a list's, and not its name in properties."""
    header = ("Issue key", "Status", "Custom field (Status)", "Labels", "Custom field (Labels)", "Team",
              "Custom field (Team)", "Custom field (Sprint)")  # fmt: skip
    [row], _ = read(as_csv(header, ("WH-1", "Done", "red", "a", "b", "Blue", "Green", "S 1")), jira())
    assert (row["status"], row["labels"], row["sprints"]) == ("Done", ["a"], ["S 1"])
    assert properties(row) == {
        "Custom field (Status)": "red", "Custom field (Labels)": "b", "Team": "Blue", "Custom field (Team)": "Green",
    }  # fmt: skip


def test_a_mapping_may_name_a_custom_field_by_what_is_inside() -> None:
    """As the user sees it in Jira."""
    given = {"severity": "priority", "Custom field (Client)": "reporter"}
    header = ("Issue key", "Priority", "Custom field (Severity)", "Custom field (Client)")
    found = {m.source: (m.target, m.reason) for m in map_columns(header, jira(), given).matches}
    assert found["Custom field (Severity)"] == ("priority", "given")
    assert found["Custom field (Client)"] == ("reporter", "given")
    assert found["Priority"] == (None, None)


def test_any_profile_may_declare_patterns() -> None:
    """They are data: the first one that matches a whole header counts."""
    profile = Profile(name="p", title="P", columns=(Column(name="id"), Column(name="size")),
                      header_patterns=(r"Attr: (\w+)", r"(.+) \[mm\]"))  # fmt: skip
    [row], _ = read(b"id,Attr: size,Depth [mm],Attr: two words\na,1,2,3\n", profile)
    assert (row["size"], properties(row)) == ("1", {"Depth": "2", "Attr: two words": "3"})


def test_assets_keep_whatever_else_the_file_knows() -> None:
    """Blank and repeated headers too; a row without tag or type is rejected."""
    rows, rejects = read(b"tag,type,area,,note,note\nP-1,pump,A,x,1,2\n,pump,A,x,1,2\nP-2,,A,x,1,2\n")
    assert [(row["tag"], row["type"]) for row in rows] == [("P-1", "pump")]
    assert properties(rows[0]) == {"area": "A", "column_4": "x", "note": ["1", "2"]}
    assert [codes for _, codes, _ in rejects] == [["required"], ["required"]]


def test_purchase_order_lines_come_in_their_types() -> None:
    """With headers as buyers write them, quantities with decimals, no line numbers."""
    [row], _ = read(b"PO Number;Vendor Code;Vendor;Material No;Description;Qty;UoM;Price;Currency;PO Date\n"
                    b"4500001;S1;Acme;M1;Bolt;2,5;kg;1.250,75;EUR;31.01.2025\n")  # fmt: skip
    assert {k: v for k, v in row.items() if v is not None} == {
        "po_number": "4500001", "supplier_code": "S1", "supplier_name": "Acme", "material_code": "M1",
        "material_name": "Bolt", "quantity": "2.5", "unit": "kg", "unit_price": "1250.75", "currency": "EUR",
        "order_date": datetime(2025, 1, 31, tzinfo=UTC), "_line": 2,
    }  # fmt: skip


@pytest.mark.parametrize("package", [wharf.ingest_worker, wharf.common.profiles])
def test_no_code_knows_a_profile_by_its_name(package: Any) -> None:
    """What a kind of file needs is declared: a name in a string would be a branch."""
    sources = list(Path(package.__path__[0]).rglob("*.py"))
    texts = {
        node.value for path in sources for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }  # fmt: skip
    assert len(sources) > 1
    assert not texts & set(builtin_profiles())


def jira() -> Profile:
    """The profile of Jira's exports."""
    return builtin_profile("jira_issues")
