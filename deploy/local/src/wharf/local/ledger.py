"""What the stack asks of the ledger before the services start."""

from __future__ import annotations

from typing import Protocol

from wharf.local.credentials import Credentials


class Ledger(Protocol):
    """Tables, roles and the first keys."""

    def new_key(self) -> str:
        """A new random API key."""

    def prepare(self, owner_url: str, credentials: Credentials) -> None:
        """Bring the database at `owner_url` (libpq URI) up to date; again and again with the same result."""


class WharfLedger:
    """The ledger of `wharf.common`, imported when it is needed: `wharf --help` stays quick."""

    def new_key(self) -> str:
        """A new random API key."""
        from wharf.common.access import new_key  # noqa: PLC0415 - see the class

        return new_key()

    def prepare(self, owner_url: str, credentials: Credentials) -> None:
        """Run the migrations; make the logins, the tenant `default` and its first keys."""
        from wharf.common.access import bootstrap  # noqa: PLC0415 - see the class
        from wharf.common.ledger.migration import migrate  # noqa: PLC0415 - see the class

        migrate(
            owner_url,
            app_password=credentials.app_password,
            dispatch_password=credentials.dispatch_password,
            backup_password=credentials.backup_password,
        )
        bootstrap(owner_url, api_key=credentials.api_key, platform_key=credentials.platform_key)
