"""A file without a named profile is known by its headers, from the upload to the dataset."""

from __future__ import annotations

import csv
from pathlib import Path

from wharf.local.trial import Trial

JIRA = (
    ("Summary", "Issue key", "Created", "Labels", "Labels", "Custom field (Story Points)", "Custom field (Team)",
     "Comment", "Comment"),
    ("Login, please", "WH-1", "12/Nov/25 3:14 PM", "ui", "web", "5", "Blue", "12/Nov/25 3:15 PM;ann;one,\ntwo", "b"),
    ("Logout", "WH-2", "13/Nov/25 9:00 AM", "", "", "", "", "c", "d", "e", "f"),
)  # fmt: skip


def write(path: Path, *rows: tuple[str, ...]) -> Path:
    """A CSV file of these rows."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    return path


def test_an_export_of_jira_loads_without_being_named(wharf: Trial, tmp_path: Path, project: str) -> None:
    """Lists, dates, custom fields and cells beyond the header are in the dataset; the choice is in the job's log."""
    job = wharf.load(write(tmp_path / "jira.csv", *JIRA), project_id=project)
    assert job["status"] == "completed", job["error"]
    assert (job["result"]["profile"], job["result"]["inserted"]) == ("jira_issues", 2)
    rows = wharf.ask(
        f"SELECT issue_key, created::text, labels, story_points, comments, properties"
        f" FROM {wharf.dataset('jira_issues')} WHERE project_id = %s ORDER BY 1",
        project,
    )
    assert [tuple(row.values()) for row in rows] == [
        ("WH-1", "2025-11-12 15:14:00+00", ["ui", "web"], 5, ["12/Nov/25 3:15 PM;ann;one,\ntwo", "b"],
         {"Team": "Blue"}),
        ("WH-2", "2025-11-13 09:00:00+00", None, None, ["c", "d"], {"_surplus": ["e", "f"]}),
    ]  # fmt: skip
    lines = wharf.api.get(f"/api/v1/jobs/{job['job_id']}/logs").json()["items"]
    [chosen] = [line["fields"] for line in lines if line["event"] == "import.profile"]
    assert (chosen["profile"], chosen["how"]) == ("jira_issues", "detected")
    assert 0.4 < chosen["score"] <= 1


def test_a_file_of_no_profile_fails_with_what_was_found(tenant: Trial, tmp_path: Path) -> None:
    """At the first attempt, with the headers, the nearest profiles and what to do. No other test's profile has them."""
    job = tenant.load(write(tmp_path / "x.csv", ("name", "age"), ("Ann", "x")))
    assert (job["status"], job["attempt"], job["error"]["code"]) == ("failed", 1, "profile_not_detected")
    assert job["error"]["detail"]["found"] == ["name", "age"]
    assert "Name the profile" in job["error"]["message"]


def test_an_export_cut_off_in_a_comment_loads_up_to_there(wharf: Trial, tmp_path: Path, project: str) -> None:
    """The row without an end is one reject, with its line and its text."""
    file = write(tmp_path / "jira.csv", *JIRA)
    cut = 'Cut,WH-3,13/Nov/25 9:00 AM,,,,,"a comment\nof two lines, and'
    file.write_text(file.read_text("utf-8") + cut, encoding="utf-8", newline="")
    job = wharf.load(file, project_id=project)
    assert (job["status"], job["result"]["inserted"], job["result"]["rejected"]) == ("completed", 2, 1)
    [reject] = wharf.api.get(f"/api/v1/jobs/{job['job_id']}/rejects").json()["items"]
    assert (reject["line"], reject["raw"], reject["errors"][0]["code"]) == (5, cut, "unclosed_quote")
    assert "cut off" in reject["errors"][0]["message"]
