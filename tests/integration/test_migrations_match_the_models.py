from __future__ import annotations

import re

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from wharf.common.ledger.compatibility import latest_revision
from wharf.common.ledger.database import driver_url
from wharf.common.ledger.migration import migrate
from wharf.common.ledger.models import SCHEMA, Table
from wharf.local.credentials import Credentials
from wharf.local.stack import LocalStack
from wharf.local.trial import Trial

PARTITION = re.compile(r"(attempts|job_logs)_(before|rest|\d{4}_\d{2})")


def ours(_object: object, name: str | None, kind: str, *_others: object) -> bool:
    """The ledger's schema only; no indexes and no partitions: they are the migrations' business."""
    return kind != "index" and name != "alembic_version" and not PARTITION.fullmatch(name or "")


def in_our_schema(name: str | None, kind: str, _parents: object) -> bool:
    """Alembic compares the ledger's schema."""
    return kind != "schema" or name == SCHEMA


def test_the_models_are_what_the_migrations_make(wharf: Trial) -> None:
    """Columns, types and nullability agree: the two are written twice."""
    # The superuser has the schema's name, and PostgreSQL searches the schema of one's name first.
    options = "-c search_path=public"
    engine = create_engine(driver_url(wharf.connection.database_url), connect_args={"options": options})
    with engine.connect() as connection:
        wanted = {"include_schemas": True, "include_object": ours, "include_name": in_our_schema, "compare_type": True}
        context = MigrationContext.configure(connection, opts=wanted)
        found = [d for d in compare_metadata(context, Table.metadata) if d[0] not in {"remove_fk", "remove_constraint"}]
    engine.dispose()
    assert found == []


def test_migrating_again_changes_nothing(stack: LocalStack, wharf: Trial) -> None:
    """Every start migrates; a ledger that is current stays as it is, and its roles keep their passwords."""
    secrets = stack.folder.secrets
    before = wharf.one("SELECT version_num FROM wharf.alembic_version")
    kept = Credentials.keep(secrets, lambda: "never made")
    migrate(wharf.connection.database_url, app_password=kept.app_password, dispatch_password=kept.dispatch_password)
    assert wharf.one("SELECT version_num FROM wharf.alembic_version") == before == latest_revision()
