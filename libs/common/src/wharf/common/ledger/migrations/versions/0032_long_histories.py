"""Lists of a few among very many: of a project with little to do, of a kind that is rare, of a whole dataset."""

from __future__ import annotations

from wharf.common.ledger.migrations.indexes import build_beside

revision = "0032"
down_revision = "0031"

INDEXES = {
    # The newest of all lead to those of a busy project soon; of a quiet one they led through all that there are.
    "ix_jobs_of_project": "jobs (tenant_id, project_id, created_at DESC, id DESC) WHERE part IS NULL",
    # Nearly all jobs are imports, and an echo has nothing to do but to be quick: the others pay for their index alone.
    "ix_jobs_of_rare_kinds": """jobs (tenant_id, kind, created_at DESC, id DESC)
        WHERE kind <> 'import' AND kind <> 'echo' AND part IS NULL""",
    "ix_data_updates_of_dataset": "data_updates (tenant_id, profile, at DESC, id DESC)",
}


def upgrade() -> None:
    """Older services do not notice."""
    build_beside(INDEXES)
