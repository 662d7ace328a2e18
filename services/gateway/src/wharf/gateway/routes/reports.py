"""`/api/v1/reports/recipients`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from wharf.common.errors import Forbidden
from wharf.gateway import recipients
from wharf.gateway.authentication import Admin, Member
from wharf.gateway.resources import Wired

router = APIRouter(prefix="/api/v1/reports", tags=["reports"])
MOST = 50
Address = Annotated[
    str,
    StringConstraints(
        max_length=254,
        pattern=r"^[A-Za-z0-9.!#$%&*+/=?^_`{|}~-]+@([A-Za-z0-9-]+\.)+[A-Za-z][A-Za-z0-9-]+$",
        to_lower=True,
    ),
]


class Recipients(BaseModel):
    """Whom reports are mailed to."""

    model_config = ConfigDict(extra="forbid")

    recipients: Annotated[list[Address], Field(max_length=MOST)]


@router.get("/recipients")
def list_recipients(resources: Wired, caller: Admin) -> Recipients:
    """Who has the tenant's reports by mail."""
    with resources.database.tenant(_of_all_projects(caller).tenant_id) as connection:
        return Recipients(recipients=recipients.list_recipients(connection))


@router.put("/recipients")
def replace_recipients(body: Recipients, resources: Wired, caller: Admin) -> Recipients:
    """Mail reports to these from now on; an empty list: to nobody."""
    tenant_id = _of_all_projects(caller).tenant_id
    with resources.database.tenant(tenant_id) as connection:
        found = recipients.replace_recipients(connection, tenant_id, body.recipients)
    return Recipients(recipients=found)


def _of_all_projects(caller: Member) -> Member:
    if caller.project_id is not None:
        message = f"Reports are about all projects, and this key is for the project {caller.project_id} only."
        raise Forbidden(message, code="wrong_project")
    return caller
