"""The stack's passwords and keys: made once, kept in `DIR/secrets.json`."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from wharf.local.failure import StartFailed
from wharf.local.private import write_private

PASSWORD_BYTES = 24


@dataclass(frozen=True, slots=True)
class Credentials:
    """All secrets of one stack. The passwords are made of characters that need no quoting in an URL."""

    owner_password: str
    app_password: str
    dispatch_password: str
    backup_password: str
    redis_password: str
    api_key: str
    platform_key: str

    @classmethod
    def make(cls, new_key: Callable[[], str]) -> Credentials:
        """New random passwords, and keys from `new_key`."""
        return cls(
            owner_password=secrets.token_urlsafe(PASSWORD_BYTES),
            app_password=secrets.token_urlsafe(PASSWORD_BYTES),
            dispatch_password=secrets.token_urlsafe(PASSWORD_BYTES),
            backup_password=secrets.token_urlsafe(PASSWORD_BYTES),
            redis_password=secrets.token_urlsafe(PASSWORD_BYTES),
            api_key=new_key(),
            platform_key=new_key(),
        )

    @classmethod
    def keep(cls, path: Path, new_key: Callable[[], str]) -> Credentials:
        """The credentials of the file `path`; what is not there yet is made and written (mode 0600)."""
        try:
            there = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
            kept = cls(**there) if len(there) == len(fields(cls)) else cls(**asdict(cls.make(new_key)) | there)
        except (OSError, TypeError, ValueError) as error:
            message = f"{path} cannot be read as the stack's secrets ({error}): restore it, or use another --data-dir."
            raise StartFailed(message, code="secrets_unreadable") from error
        if asdict(kept) != there:
            write_private(path, json.dumps(asdict(kept), indent=2))
        return kept
