"""What is said about an import, in a form or as JSON, checked before anything is written to the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Json,
    StringConstraints,
    ValidationError,
)
from pydantic_core import PydanticCustomError

from wharf.common.errors import Invalid, Problem
from wharf.common.imports import ImportOptions
from wharf.common.queues import Priority
from wharf.common.wording import NAME, worded

MOST_MAPPED = 2000
TOLD = 3
"""Problems in the sentence about all of them; `errors` has the rest."""
CONTROLS = frozenset(map(chr, [*range(32), 127]))


def plain(value: str) -> str:
    """Refuse control characters: no name needs them, and PostgreSQL has no text with NUL."""
    if CONTROLS.intersection(value):
        raise PydanticCustomError("control_character", "Control characters are not allowed here.")
    return value


def storable(text: str) -> str:
    """Refuse NUL, which PostgreSQL has no text with; a header may have any other character."""
    if "\0" in text:
        raise PydanticCustomError("control_character", "NUL characters are not allowed here.")
    return text


Slug = Annotated[str, StringConstraints(pattern=NAME)]
"""The name of a project or a tenant."""
Label = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(plain)]
"""A name that a person gives."""
Header = Annotated[str, StringConstraints(max_length=1000), AfterValidator(storable)]
Target = Annotated[str, StringConstraints(min_length=1, max_length=63), AfterValidator(plain)]
T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


def _none_for_empty(value: object) -> object:
    """A form cannot leave out a field that its page shows: an empty one says nothing."""
    return None if value == "" else value


Optional = Annotated[T | None, BeforeValidator(_none_for_empty)]


SourceMapping = Annotated[dict[Header, Target | None], Field(max_length=MOST_MAPPED)]
"""Source header to column; null: it brings none, whatever it is called."""


class InspectRequest(BaseModel):
    """How a file is to be read; an unknown field is an error that names it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    profile: Optional[Label] = None
    """None: detected by the file's headers."""
    mapping: Optional[SourceMapping] = None
    options: Optional[ImportOptions] = None
    priority: Optional[Priority] = None


class ImportRequest(InspectRequest):
    """How a file is to be imported."""

    mode: Optional[Literal["append", "upsert", "replace"]] = None
    on_error: Optional[Literal["reject", "abort"]] = None
    dry_run: Optional[bool] = None


class UploadFields(ImportRequest):
    """What a form may say beside the file: the same, with JSON in texts, and where the file belongs."""

    mapping: Optional[Json[SourceMapping]] = None
    options: Optional[Json[ImportOptions]] = None
    project_id: Optional[Slug] = None
    start: Optional[bool] = None


def read_fields(fields: Mapping[str, str]) -> UploadFields:
    """Check an upload's fields; raises `Invalid` with one problem for each that is wrong."""
    return checked(UploadFields, fields)


def checked(model: type[M], fields: Mapping[str, str]) -> M:
    """A form's fields as that model has them; raises `Invalid` with one problem for each that is wrong."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        known = ["file", *model.model_fields]
        problems = tuple(
            _problem(e["loc"], e["type"], worded(e), known)
            for e in error.errors(include_url=False, include_input=False)
        )
        told = [f"{problem.loc.removeprefix('body.')}: {problem.message}" for problem in problems[:TOLD]]
        message = f"The form cannot be used as it is. {' '.join(told)}"
        raise Invalid(message, code="invalid_request", problems=problems) from None


def _problem(loc: tuple[int | str, ...], kind: str, message: str, known: list[str]) -> Problem:
    if kind == "extra_forbidden":
        kind, message = "unknown_field", f"There is no such field. Known: {', '.join(known)}."
    return Problem(".".join(["body", *(str(part) for part in loc)]), kind, message)
