"""Declarations in files: TOML and JSON as the API wants them."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from wharf.client.failure import ClientError


def read_text(file: Path) -> str:
    """The file's text; raises `ClientError`."""
    try:
        return file.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise _unreadable(file, error) from error


def read_table(file: Path, wanted: str) -> dict[str, Any]:
    """A file's table, as JSON has it; raises `ClientError`, which says what is `wanted` in it."""
    text = read_text(file)
    try:
        found = json.loads(text) if file.suffix == ".json" else tomllib.loads(text)
        # TOML has moments of its own; JSON has them as texts.
        found = json.loads(json.dumps(found, default=str))
    except ValueError as error:
        raise _unreadable(file, error) from error
    if not isinstance(found, dict):
        message = f"{file} holds no declaration: it must be a table with {wanted}."
        raise ClientError(message, code="bad_file")
    return found


def _unreadable(file: Path, error: Exception) -> ClientError:
    return ClientError(f"{file} cannot be read as a declaration: {error}", code="bad_file")
