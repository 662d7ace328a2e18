"""What pydantic finds wrong is told to whoever wrote the value, not to a programmer."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, get_args
from uuid import UUID

import pytest
from pydantic import BaseModel, ConfigDict, Field, Json, StringConstraints, ValidationError
from pydantic_core.core_schema import ErrorType

from wharf.common.queues import Priority
from wharf.common.wording import NAME, SENTENCES, worded


class Wish(BaseModel):
    """One field of each kind that people fill in."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, StringConstraints(pattern=NAME)] = "a"
    code: Annotated[str, StringConstraints(pattern="^x$")] = "x"
    note: Annotated[str, Field(min_length=1, max_length=3)] = "a"
    count: Annotated[int, Field(ge=1, le=9)] = 1
    share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    always: bool = True
    mode: Literal["append", "upsert"] = "append"
    priority: Priority = Priority.LOW
    items: Annotated[list[int], Field(min_length=1, max_length=2)] = [1]
    options: dict[str, int] = {}
    mapping: Json[dict[str, str]] = {}
    job: UUID = UUID(int=0)
    at: datetime | None = None


def told(**fields: Any) -> list[str]:
    """The sentences about these fields."""
    with pytest.raises(ValidationError) as caught:
        Wish.model_validate(fields)
    return [worded(one) for one in caught.value.errors(include_url=False)]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": "My Project"}, "Use small letters, digits, - and _, at most 63; begin with a letter or a digit."),
        ({"code": "y"}, "This has not the form that is needed."),
        ({"note": ""}, "Too short: its length has to be 1 or more."),
        ({"note": "four"}, "Too long: its length may be 3 at most."),
        ({"note": 7}, "A text is expected."),
        ({"count": "seven"}, "A whole number is expected."),
        ({"count": 1.5}, "A whole number is expected."),
        ({"count": 0}, "It has to be at least 1."),
        ({"count": 10}, "It may be at most 9."),
        ({"share": "half"}, "A number is expected."),
        ({"share": 0}, "It has to be more than 0.0."),
        ({"share": 1}, "It has to be less than 1.0."),
        ({"always": "perhaps"}, "true or false is expected."),
        ({"mode": "merge"}, "It has to be 'append' or 'upsert'."),
        ({"priority": "asap"}, "It has to be 'low', 'normal', 'high' or 'urgent'."),
        ({"items": "a"}, "A list is expected."),
        ({"items": []}, "Too few: there have to be 1 or more."),
        ({"items": [1, 2, 3]}, "Too many: there may be 2 at most."),
        ({"options": "a"}, "An object is expected."),
        ({"mapping": "{"}, "This is no JSON: EOF while parsing an object at line 1 column 1."),
        ({"job": "seven"}, "This is no id: those are UUIDs."),
        ({"at": "yesterday"}, "A date and time is expected, such as 2025-03-14T10:30:00Z."),
        ({"colour": "red"}, "There is no such field."),
    ],
)
def test_each_mistake_has_a_sentence(fields: dict[str, Any], sentence: str) -> None:
    """That says what is expected."""
    assert told(**fields) == [sentence]


def test_what_has_no_sentence_is_told_as_it_is() -> None:
    """Such as what a check of ours raises: it has been worded already."""
    assert worded({"type": "control_character", "msg": "No control characters."}) == "No control characters."
    assert worded({"type": "value_error", "msg": "Value error, this is odd"}) == "this is odd"


def test_the_sentences_are_of_errors_that_there_are() -> None:
    """A name that pydantic does not know would never be met."""
    assert set(SENTENCES) <= set(get_args(ErrorType))
