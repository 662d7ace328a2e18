"""Secrets from files, as Docker and Kubernetes hand them out: `WHARF_DATABASE_URL_FILE` for `WHARF_DATABASE_URL`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from dotenv import dotenv_values
from pydantic import AliasChoices, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

SUFFIX = "_FILE"


def is_secret(field: FieldInfo) -> bool:
    """Whether a setting is one that is never printed, and may therefore come from a file."""
    return field.annotation is SecretStr or SecretStr in get_args(field.annotation)


def variables(name: str, field: FieldInfo, prefix: str) -> list[str]:
    """The environment variables that a setting is read from, ours first."""
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        return [str(choice) for choice in alias.choices]
    return [f"{prefix}{name}".upper()]


class SecretFiles(PydanticBaseSettingsSource):
    """Reads each secret from the file that its variable with `_FILE` names. A variable with the value itself wins."""

    def __init__(self, settings_cls: type[BaseSettings]) -> None:
        super().__init__(settings_cls)
        self._said: Mapping[str, str | None] = {**dotenv_values(".env"), **os.environ}

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The secret in the first file that is named, under its variable's name; None where none is."""
        for variable in variables(field_name, field, str(self.config.get("env_prefix", ""))):
            if path := self._said.get(variable + SUFFIX):
                return _content(variable + SUFFIX, path), self._key(field, field_name), False
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """All secrets that come from files."""
        return dict(self._found())

    def _found(self) -> Iterator[tuple[str, Any]]:
        for name, field in self.settings_cls.model_fields.items():
            if is_secret(field):
                value, key, _ = self.get_field_value(field, name)
                if value is not None:
                    yield key, value

    def _key(self, field: FieldInfo, name: str) -> str:
        """What pydantic knows the value by."""
        return variables(name, field, "")[0] if field.validation_alias else name


def _content(variable: str, path: str) -> str:
    try:
        return Path(path).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        message = f"{variable} names {path}, which cannot be read ({reason}). Mount the secret there, or unset it."
        raise ValueError(message) from None
