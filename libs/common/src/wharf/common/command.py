"""`wharf migrate`: brings the ledger to the schema of this version."""

from __future__ import annotations

import sys

from pydantic import SecretStr
from sqlalchemy.exc import DBAPIError

from wharf.common.errors import WharfError
from wharf.common.ledger.migration import latest_revision, migrate
from wharf.common.settings import DatabaseSettings, load


class MigrationSettings(DatabaseSettings):
    """The owner's login, and the passwords that the services' roles get."""

    app_password: SecretStr
    dispatch_password: SecretStr


def migrate_command() -> None:
    """Create the roles and apply the migrations that are missing. Running it again changes nothing."""
    try:
        settings = load(MigrationSettings)
        migrate(
            settings.database_url.get_secret_value(),
            app_password=settings.app_password.get_secret_value(),
            dispatch_password=settings.dispatch_password.get_secret_value(),
        )
    except WharfError as error:
        sys.exit(f"wharf migrate: {error.message}")
    except DBAPIError as error:
        reason = str(error.orig).strip().splitlines()[0]
        sys.exit(
            f"wharf migrate: the database refused ({reason}). Check WHARF_DATABASE_URL: it needs the owner's login."
        )
    sys.stdout.write(f"The ledger is at revision {latest_revision()}.\n")
