"""Real files with the trouble that real files have: each loads, or says clearly why not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from wharf.local.trial import Job, Trial

REAL = Path(__file__).parents[3] / "shared" / "data" / "real"
SMALL = b"tag,type\nP-1,pump\n"

pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason="the shared folder of real files is not here")

LOADS: dict[str, tuple[dict[str, Any], int]] = {
    "ontime_sample.csv": (
        {"profile": "assets", "mapping": {"FlightNum": "tag", "Carrier": "type"}, "mode": "append"},
        9,
    ),
    "shift_jis.csv": ({"profile": "assets", "mapping": {"名前": "tag", "年齢": "type"}}, 20),
    "utf16.csv": ({"profile": "assets", "mapping": {"name": "tag", "age": "type"}}, 20),
    "utf8bom.csv": ({"mapping": {"id": "tag", "name": "type"}}, 2),
    "online_retail_sample.csv": ({"options": {"date_order": "MDY"}}, 999),
}
"""How a file is uploaded (without a profile: it is detected), and how many of its rows load."""

FAILS: dict[str, tuple[dict[str, Any], str, str]] = {
    "lineitem_sample.csv": ({"profile": "transactions"}, "no_header", "header_row"),
    "web_page.csv": ({}, "profile_not_detected", "column_1"),
    "greek_utf8.csv": ({}, "profile_not_detected", "column_1"),
    "imdb_movie_info_escaped.csv": ({}, "profile_not_detected", "column_1"),
    "tmp2013-06-15.csv.gz": ({}, "profile_not_detected", "r_version"),
    "product_codes_HS17_V202301.csv.gz": ({"profile": "assets"}, "no_header", "tag, type"),
}
"""How a file is uploaded, the code that it ends with, and a word of the sentence."""

PACKED = {
    "tmp2013-06-15.csv.gz": ({"ip_id": "tag", "r_os": "type"}, 37_459, ("1", "NA", {"country": "JP", "r_arch": "NA"})),
    "product_codes_HS17_V202301.csv.gz": (
        {"code": "tag", "description": "type"},
        5_384,
        ("10121", "Horses: live, pure-bred breeding animals", {}),
    ),
}
"""How an archive's file is mapped, how many rows it has, and what must be in one of them."""


def load(wharf: Trial, path: Path, project: str, fields: dict[str, Any]) -> Job:
    """Upload a file with these fields; JSON where the API takes JSON."""
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}
    return wharf.load(path, project_id=project, **texts)


def still_works(wharf: Trial, folder: Path, project: str) -> None:
    """The workers live: the next file loads at its first attempt."""
    file = folder / "small.csv"
    file.write_bytes(SMALL)
    job = wharf.load(file, profile="assets", project_id=project)
    assert (job["status"], job["attempt"], job["result"]["rows_read"]) == ("completed", 1, 1)


def test_every_real_file_is_tried() -> None:
    """A new one in the folder asks for its line here."""
    assert {path.name for path in REAL.iterdir()} == {*LOADS, *FAILS}


@pytest.mark.parametrize("name", LOADS)
def test_a_real_file_loads_through_a_sensible_mapping(wharf: Trial, tmp_path: Path, project: str, name: str) -> None:
    """At the first attempt, every row of it accounted for."""
    fields, rows = LOADS[name]
    job = load(wharf, REAL / name, project, fields)
    assert (job["status"], job["attempt"]) == ("completed", 1), job["error"]
    result = job["result"]
    assert (result["rows_read"], result["rejected"]) == (rows, 0)
    assert result["inserted"] + result["unchanged"] + result["superseded"] == rows
    still_works(wharf, tmp_path, project)


@pytest.mark.parametrize("name", FAILS)
def test_a_real_file_that_cannot_load_says_why(tenant: Trial, tmp_path: Path, project: str, name: str) -> None:
    """At the first attempt, with a code and a sentence, and the worker lives. Nobody has said before how to read it."""
    fields, code, word = FAILS[name]
    job = load(tenant, REAL / name, project, fields)
    assert (job["status"], job["attempt"], job["error"]["code"]) == ("failed", 1, code), job["error"]
    assert word in job["error"]["message"]
    still_works(tenant, tmp_path, project)


@pytest.mark.parametrize("name", PACKED)
def test_a_packed_file_loads_as_it_is(wharf: Trial, project: str, name: str) -> None:
    """Every row is accounted for; NA stays the text that it is, a code stays a text."""
    mapping, rows, (tag, kind, also) = PACKED[name]
    job = load(wharf, REAL / name, project, {"profile": "assets", "mapping": mapping})
    assert (job["status"], job["attempt"]) == ("completed", 1), job["error"]
    assert (job["result"]["rows_read"], job["result"]["rejected"]) == (rows, 0)
    query = f"SELECT type, properties FROM {wharf.dataset('assets')} WHERE project_id = %s AND tag = %s"
    [row] = wharf.ask(query, project, tag)
    assert row["type"] == kind
    assert also.items() <= (row["properties"] or {}).items()


def test_a_real_file_without_header_and_with_backslashes_loads_by_place(wharf: Trial, project: str) -> None:
    """Its escape is found: notes with quotes and commas in them are one cell."""
    fields = {"profile": "assets", "mapping": {"column_1": "tag", "column_2": "type"}, "mode": "append"}
    job = load(wharf, REAL / "imdb_movie_info_escaped.csv", project, fields)
    assert job["status"] == "completed", job["error"]
    result = job["result"]
    assert (result["dialect"]["escape"], result["dialect"]["header_rows"], result["rejected"]) == ("\\", [], 0), result
