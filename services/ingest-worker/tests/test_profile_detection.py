"""Which profile a file is of, by its headers."""

from __future__ import annotations

import pytest

from wharf.common.errors import Invalid
from wharf.common.imports import ImportOptions
from wharf.common.profiles import builtin_profiles
from wharf.ingest_worker.reading import Detection, Plan, detect_profile, make_plan

JIRA = "Summary,Issue key,Issue id,Issue Type,Status,Project key,Priority,Assignee,Created,Updated"
ORDERS = "PO Number,Line,Supplier Code,Material Code,Quantity,UOM,Unit Price,Currency,Order Date,Delivery Date"


def detected(header: str, *, mapping: dict[str, str | None] | None = None, above: str = "") -> Detection:
    """What a file under that header is."""
    row = ",".join(f"x{i}" for i, _ in enumerate(header.split(",")))
    data = f"{above}{header}\n{row}\n{row}\n".encode()
    return detect_profile(data, len(data), builtin_profiles().values(), ImportOptions(), mapping)


def refused(header: str, mapping: dict[str, str | None] | None = None) -> Invalid:
    """The error of a file that is of none."""
    with pytest.raises(Invalid) as caught:
        detected(header, mapping=mapping)
    return caught.value


def test_headers_that_are_said_to_bring_nothing_speak_against_no_profile() -> None:
    """Somebody knows them, after all."""
    strangers = [f"own {nth}" for nth in range(40)]
    header = ",".join(["transaction_id", "date", "quantity", "unit_price", *strangers])
    found = detected(header, mapping=dict.fromkeys(strangers))
    assert found.profile.name == "transactions"
    assert found.score > detected(header).score


@pytest.mark.parametrize(("header", "name"), [
    (JIRA, "jira_issues"), (JIRA.upper(), "jira_issues"), ("Issue key,Summary,Status", "jira_issues"),
    (JIRA + ",Custom field (Story Points),Sprint,Sprint" + ",Custom field (Rank)" * 40, "jira_issues"),
    ("tag,type", "assets"), ("TAG,Type,area,power,voltage,maker,model,serial,weight,colour", "assets"),
    ("transaction_id,date,quantity,unit_price", "transactions"),
    ("InvoiceNo,StockCode,Quantity,InvoiceDate,UnitPrice,CustomerID,Country", "transactions"),
    ("transaction_id,date,quantity,unit_price,a,b,c,d,e,f,g,h,i,j", "transactions"),
    (ORDERS, "procurement"), ("po_number,material_code,quantity,unit_price", "procurement"),
])  # fmt: skip
def test_a_file_is_known_by_its_headers(header: str, name: str) -> None:
    """In any spelling, with columns that nobody knows, and with few of the profile's."""
    found = detected(header)
    assert found.profile.name == name
    assert 0.4 <= found.score <= 1


def test_a_fuller_file_fits_better() -> None:
    """A score of 1 is a file with all of the profile's columns and no other."""
    columns = [c.name for c in builtin_profiles()["procurement"].columns]
    scores = [detected(header).score for header in (f"{ORDERS},extra,more", ORDERS, ",".join(columns))]
    assert scores == sorted(set(scores))
    assert scores[-1] == 1


def test_the_header_is_found_under_a_title() -> None:
    """Before any profile is chosen."""
    found = detected("tag,type,area", above="Plant list of May\n\n")
    assert (found.profile.name, found.dialect.header_row) == ("assets", 3)


def test_headers_that_nobody_knows_are_shown_with_what_to_do() -> None:
    """The nearest profiles come with their scores and what is missing."""
    error = refused("name,age,quantity,invoice no")
    assert error.error_code == "profile_not_detected"
    assert "name, age, quantity" in error.message
    assert "Name the profile" in error.message
    profiles = error.detail["profiles"]
    assert isinstance(profiles, list)
    assert profiles[0]["name"] == "transactions"
    assert profiles[0]["missing"] == ["date", "unit_price"]
    assert 0 < profiles[0]["score"] < 1
    assert [p.loc for p in error.problems] == ["profile"]


def test_headers_without_any_known_one_are_shown_too() -> None:
    """No profile expects one of them, and still the file has a header."""
    error = refused("foo,bar")
    assert error.error_code == "profile_not_detected"
    assert error.detail["found"] == ["foo", "bar"]


def test_one_required_header_in_a_wide_file_is_no_evidence() -> None:
    """Somebody must say that it is meant."""
    error = refused("Issue key," + ",".join(f"c{i}" for i in range(20)))
    assert "jira_issues (0.1" in error.message


def test_a_file_that_fits_two_profiles_is_not_guessed() -> None:
    """Both are named."""
    error = refused("tag,type,transaction_id,date,quantity,unit_price")
    assert error.error_code == "profile_not_detected"
    assert "more than one profile" in error.message
    assert "assets" in error.message
    assert "transactions" in error.message


def test_a_mapping_decides_between_profiles() -> None:
    """Only a profile that has all of its targets can be meant, and what it maps is known."""
    assert detected("tag,type,transaction_id,date,quantity,unit_price",
                    mapping={"tag": "category"}).profile.name == "transactions"  # fmt: skip
    assert detected("a,b", mapping={"a": "tag", "b": "type"}).profile.name == "assets"
    assert refused("tag,type", {"tag": "nowhere"}).error_code == "profile_not_detected"
    assert refused("tag,type", {"nowhere": "tag"}).error_code == "bad_mapping"


def test_the_plan_tells_the_profile_and_its_score() -> None:
    """Also after a checkpoint, and also when the user named it; a plan of before is read without."""
    data = b"tag,type,area\nP-1,pump,A\n"
    plan = make_plan(data, len(data), builtin_profiles()["assets"], ImportOptions())
    assert plan.profile is not None
    assert plan.profile.name == "assets"
    assert plan.profile.score == detected("tag,type,area").score
    assert Plan.from_dict(plan.as_dict()) == plan
    assert Plan.from_dict({k: v for k, v in plan.as_dict().items() if k != "profile"}).profile is None
