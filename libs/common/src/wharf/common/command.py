"""`wharf migrate`, and in images `wharf-migrate`: brings the ledger to the schema of this version."""

from __future__ import annotations

import sys

from pydantic import SecretStr
from sqlalchemy.exc import DBAPIError

from wharf.common.access import bootstrap
from wharf.common.errors import WharfError
from wharf.common.ledger.compatibility import latest_revision
from wharf.common.ledger.migration import migrate
from wharf.common.logs import configure_logs
from wharf.common.settings import DatabaseSettings, LogSettings, load


class MigrationSettings(DatabaseSettings, LogSettings):
    """The owner's login, and the passwords that the services' roles get."""

    app_password: SecretStr
    dispatch_password: SecretStr
    backup_password: SecretStr | None = None
    """Without it there are no backups."""
    first_api_key: SecretStr | None = None
    """Of an admin of the tenant `default`, made if need be; `python -m wharf.common.access` prints a new key."""
    first_platform_key: SecretStr | None = None
    """Of the installation's owner."""


def migrate_command() -> None:
    """Create the roles and apply the migrations that are missing. Running it again changes nothing."""
    try:
        settings = load(MigrationSettings)
        configure_logs("migrate", settings.log_level, settings.log_format)
        _migrate(settings)
    except WharfError as error:
        sys.exit(f"wharf migrate: {error.message}")
    except DBAPIError as error:
        reason = str(error.orig).strip().splitlines()[0]
        sys.exit(
            f"wharf migrate: the database refused ({reason}). Check WHARF_DATABASE_URL: it needs the owner's login."
        )
    sys.stdout.write(f"The ledger is at revision {latest_revision()}.\n")


def _migrate(settings: MigrationSettings) -> None:
    owner_url = settings.database_url.get_secret_value()
    migrate(
        owner_url,
        app_password=settings.app_password.get_secret_value(),
        dispatch_password=settings.dispatch_password.get_secret_value(),
        backup_password=settings.backup_password.get_secret_value() if settings.backup_password else None,
    )
    first = {"api_key": settings.first_api_key, "platform_key": settings.first_platform_key}
    bootstrap(owner_url, **{name: key.get_secret_value() for name, key in first.items() if key})


if __name__ == "__main__":
    migrate_command()
