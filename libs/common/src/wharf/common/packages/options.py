"""What a request may choose about a package."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

FileFormat = Literal["xlsx", "pdf"]


class PackageOptions(BaseModel):
    """The choices; what is not said is as the package type declares it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    formats: Annotated[tuple[FileFormat, ...], Field(min_length=1)] = ("xlsx",)
    locale: str | None = None
    """How numbers and dates are written in the PDF, such as `de`."""
    page_size: Literal["A4", "Letter"] | None = None
    orientation: Literal["portrait", "landscape"] | None = None
    sections: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """Only these sections, by name."""
    force: bool = False
    """Make the files anew, even where the same ones were made before."""

    @model_validator(mode="after")
    def _formats_once(self) -> Self:
        if len(set(self.formats)) != len(self.formats):
            raise ValueError("a format is named twice")
        return self
