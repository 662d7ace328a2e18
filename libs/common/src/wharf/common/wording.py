"""What is wrong with a value, in a sentence for whoever wrote it: pydantic's own are for programmers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

NAME: Final = r"^[a-z0-9][a-z0-9_-]{0,62}$"
"""Of projects and tenants."""
COLUMN_NAME: Final = r"^[a-z][a-z0-9_]{0,62}$"
"""Of profiles and what they declare: names that a database has, too."""

TEXT, WHOLE, NUMBER = "A text is expected.", "A whole number is expected.", "A number is expected."
TRUTH, LIST, OBJECT = "true or false is expected.", "A list is expected.", "An object is expected."
MOMENT = "A date and time is expected, such as 2025-03-14T10:30:00Z."
SENTENCES: Final[Mapping[str, str]] = {
    "missing": "This is needed, and was not said.",
    "extra_forbidden": "There is no such field.",
    "string_type": TEXT,
    "string_too_short": "Too short: its length has to be {min_length} or more.",
    "string_too_long": "Too long: its length may be {max_length} at most.",
    "int_type": WHOLE,
    "int_parsing": WHOLE,
    "int_from_float": WHOLE,
    "float_type": NUMBER,
    "float_parsing": NUMBER,
    "finite_number": "A number with an end is expected.",
    "bool_type": TRUTH,
    "bool_parsing": TRUTH,
    "greater_than": "It has to be more than {gt}.",
    "greater_than_equal": "It has to be at least {ge}.",
    "less_than": "It has to be less than {lt}.",
    "less_than_equal": "It may be at most {le}.",
    "literal_error": "It has to be {expected}.",
    "enum": "It has to be {expected}.",
    "list_type": LIST,
    "tuple_type": LIST,
    "too_short": "Too few: there have to be {min_length} or more.",
    "too_long": "Too many: there may be {max_length} at most.",
    "dict_type": OBJECT,
    "model_type": OBJECT,
    "model_attributes_type": OBJECT,
    "json_invalid": "This is no JSON: {error}.",
    "json_type": "JSON is expected.",
    "uuid_type": "An id is expected.",
    "uuid_parsing": "This is no id: those are UUIDs.",
    "datetime_type": MOMENT,
    "datetime_parsing": MOMENT,
    "datetime_from_date_parsing": MOMENT,
}
PATTERNS: Final[Mapping[str, str]] = {
    NAME: "Use small letters, digits, - and _, at most 63; begin with a letter or a digit.",
    COLUMN_NAME: "Use small letters, digits and _, at most 63; begin with a letter.",
}


def worded(said: Mapping[str, Any]) -> str:
    """From one of the errors that a `ValidationError` lists; what has no sentence of ours is told as it is."""
    context = said.get("ctx") or {}
    if said["type"] == "string_pattern_mismatch":
        return PATTERNS.get(context["pattern"], "This has not the form that is needed.")
    if said["type"] == "value_error":
        return str(said["msg"]).removeprefix("Value error, ")
    sentence = SENTENCES.get(said["type"])
    return sentence.format_map(context) if sentence else str(said["msg"])
