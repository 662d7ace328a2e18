"""Webhooks: written by a tenant's admins; their deliveries, sent again, tried out. The scheduler sends them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from uuid import UUID

from pydantic import AnyHttpUrl
from sqlalchemy import ColumnElement, Connection, Insert, Update, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from wharf.common.clock import new_id, now
from wharf.common.errors import Conflict, Invalid, Problem
from wharf.common.jobs.kinds import IMPORT_PART, Kind
from wharf.common.ledger.models import Webhook, WebhookDelivery
from wharf.common.schedules import SCHEDULABLE
from wharf.common.webhooks import Event, Network, is_refused, new_secret
from wharf.gateway.authentication import Member, hidden
from wharf.gateway.cursors import decode, page

MOST = 20
"""Webhooks of a tenant."""
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('webhooks of ' || %(tenant)s::text, 0))"
ROTATE = text("SELECT wharf.rotate_secret(:id, :secret, make_interval(hours => :hours))")
REMOVE = text("SELECT wharf.remove_webhook(:id)")
GIVE_UP = text("SELECT wharf.give_up_deliveries(:id, :most)")
AT_ONCE = 1000
"""Deliveries that a request gives up; the sender has the rest."""
OVERLAP_HOURS = 24
"""How long the secret before signs too."""
HIDDEN = frozenset({"secret", "previous_secret", "removed_at"})
SHOWN = tuple(column for column in Webhook.__table__.c if column.name not in HIDDEN)
"""All that the gateway's role may read."""
OPEN = ("waiting", "sending")
UNTOLD = {IMPORT_PART.name} | {name for name, one in SCHEDULABLE.items() if not one.of_tenants}
"""Kinds of job that no webhook hears of: parts, and what the installation does for itself."""
ASKED = "asked"
Item = dict[str, Any]
Page = tuple[list[Item], str | None]


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose webhooks a caller sees: those of its tenant, or of its key's project."""

    member: Member
    allowed: Sequence[Network]
    """Networks that are not public, and that webhooks may lead to all the same."""

    def conditions(self) -> list[ColumnElement[bool]]:
        """For a query on webhooks."""
        project_id = self.member.project_id
        return [Webhook.project_id == project_id] if project_id is not None else []

    def checked(self, said: Item) -> Item:
        """The columns that a request says; raises `Invalid` or `Forbidden` for what cannot be."""
        values = dict(said)
        if "url" in values:
            self._check_address(values["url"])
            values["url"] = str(values["url"])
        if values.get("kinds") is not None:
            _check_kinds(values["kinds"])
        if "project_id" in values:
            values["project_id"] = self.member.project(values["project_id"])
        return values

    def _check_address(self, url: AnyHttpUrl) -> None:
        """What can be seen without asking anybody; a name is looked up when its message is sent."""
        host = (url.host or "").strip("[]")
        if host == "localhost" or host.endswith(".localhost"):
            host = "127.0.0.1"
        try:
            refused = is_refused(ip_address(host), self.allowed)
        except ValueError:
            return
        if refused:
            message = (
                "Webhooks lead to public addresses, and this is none. Who runs this installation can allow its network "
                "(WHARF_WEBHOOK_ALLOWED_NETWORKS)."
            )
            raise _wrong("url", "address_not_allowed", message)


def list_webhooks(connection: Connection, owner: Owner, cursor: str | None, limit: int) -> Page:
    """Oldest first."""
    query = select(*SHOWN).where(*owner.conditions()).order_by(Webhook.id).limit(limit + 1)
    if cursor:
        query = query.where(Webhook.id > decode(cursor, (UUID,))[0])
    rows = [dict(row) for row in connection.execute(query).mappings()]
    return page(rows, limit, lambda row: (row["id"],))


def find(connection: Connection, owner: Owner, webhook_id: UUID, *, lock: bool = False) -> Item:
    """One of them; raises `NotFound`."""
    query = select(*SHOWN).where(Webhook.id == webhook_id, *owner.conditions())
    row = connection.execute(query.with_for_update(key_share=True) if lock else query).mappings().first()
    if row is None:
        raise hidden("webhook", webhook_id, "webhook_not_found")
    return dict(row)


def create(connection: Connection, owner: Owner, wanted: Item) -> tuple[Item, str]:
    """Write a new one; with its secret, which nobody sees again. Raises `Conflict` where its name is taken."""
    tenant_id = owner.member.tenant_id
    values = owner.checked(wanted)
    connection.exec_driver_sql(LOCK, {"tenant": tenant_id})
    if connection.execute(select(func.count()).select_from(Webhook)).scalar_one() >= MOST:
        raise _wrong("name", "too_many_webhooks", f"There may be {MOST} webhooks. Remove one that is not used.")
    secret = new_secret()
    own = {"id": new_id(), "tenant_id": tenant_id, "secret": secret, "disabled_reason": _reason(values)}
    return _written(connection, insert(Webhook).values(values | own), wanted["name"]), secret


def change(connection: Connection, owner: Owner, before: Item, changes: Item) -> Item:
    """Change what is said of one that was found and locked. Raises as `create`.

    One that is enabled again begins anew; one that is disabled gives up what waits.
    """
    values: Item = owner.checked(changes) | {"updated_at": func.now()}
    if "enabled" in changes and changes["enabled"] != before["enabled"]:
        values |= {"disabled_reason": _reason(changes), "failing_since": None}
    if changes.get("enabled") is False:
        connection.execute(GIVE_UP, {"id": before["id"], "most": AT_ONCE})
    chosen = update(Webhook).where(Webhook.id == before["id"]).values(values)
    return _written(connection, chosen, str(values.get("name", before["name"])))


def remove(connection: Connection, before: Item) -> None:
    """Hide one that was found and locked for good, with its deliveries: housekeeping takes them away."""
    connection.execute(REMOVE, {"id": before["id"]})


def rotate(connection: Connection, owner: Owner, webhook_id: UUID) -> tuple[Item, str]:
    """A new secret; the one before signs too for a day."""
    find(connection, owner, webhook_id, lock=True)
    secret = new_secret()
    connection.execute(ROTATE, {"id": webhook_id, "secret": secret, "hours": OVERLAP_HOURS})
    return find(connection, owner, webhook_id), secret


def list_deliveries(
    connection: Connection, owner: Owner, webhook_id: UUID, *, status: str | None, cursor: str | None, limit: int
) -> Page:
    """Newest first."""
    find(connection, owner, webhook_id)
    query = select(*WebhookDelivery.__table__.c).where(WebhookDelivery.webhook_id == webhook_id)
    if status:
        query = query.where(WebhookDelivery.status == status)
    if cursor:
        query = query.where(WebhookDelivery.id < decode(cursor, (UUID,))[0])
    found = connection.execute(query.order_by(WebhookDelivery.id.desc()).limit(limit + 1)).mappings()
    return page([dict(row) for row in found], limit, lambda row: (row["id"],))


def replay(connection: Connection, owner: Owner, webhook_id: UUID, delivery_id: UUID) -> Item:
    """Send the same message again, now, with the same id and all its tries. Raises `NotFound` or `Conflict`."""
    _enabled(find(connection, owner, webhook_id, lock=True))
    chosen = (WebhookDelivery.id == delivery_id, WebhookDelivery.webhook_id == webhook_id)
    state = connection.execute(select(WebhookDelivery.status).where(*chosen).with_for_update()).scalar()
    if state is None:
        raise hidden("delivery", delivery_id, "delivery_not_found")
    if state == "sending":
        message = "This message is being sent at this moment. Look again in a minute."
        raise Conflict(message, code="wrong_state", detail={"status": state})
    values = {"status": "waiting", "next_at": func.now(), "ended_at": None, "failures": 0}
    written = update(WebhookDelivery).where(*chosen).values(values).returning(*WebhookDelivery.__table__.c)
    return dict(connection.execute(written).mappings().one())


def try_out(connection: Connection, owner: Owner, webhook_id: UUID) -> Item:
    """Write a message that tells nothing but that messages come. Raises `Conflict` where one of these waits."""
    hook = find(connection, owner, webhook_id, lock=True)
    _enabled(hook)
    of_it = (WebhookDelivery.webhook_id == webhook_id, WebhookDelivery.type == Event.TEST)
    waiting = select(WebhookDelivery.id).where(*of_it, WebhookDelivery.status.in_(OPEN))
    if connection.execute(waiting).first():
        message = "A test of this webhook is still under way: its deliveries tell how far it is."
        raise Conflict(message, code="test_under_way")
    values = {
        "id": new_id(),
        "webhook_id": webhook_id,
        "tenant_id": hook["tenant_id"],
        "type": Event.TEST,
        "body": {"type": Event.TEST, "timestamp": now(), "data": {"webhook_id": webhook_id, "name": hook["name"]}},
        "next_at": func.now(),
    }
    written = insert(WebhookDelivery).values(values).returning(*WebhookDelivery.__table__.c)
    return dict(connection.execute(written).mappings().one())


def _reason(said: Item) -> str | None:
    return None if said["enabled"] else ASKED


def _enabled(hook: Item) -> None:
    if not hook["enabled"]:
        message = "This webhook is disabled: nothing is sent to it. Enable it first."
        raise Conflict(message, code="webhook_disabled", detail={"disabled_reason": hook["disabled_reason"]})


def _check_kinds(kinds: Sequence[str]) -> None:
    told = Kind.registry.keys() - UNTOLD
    if unknown := sorted(set(kinds) - told):
        known = ", ".join(sorted(told))
        message = f"There is no kind of job {unknown[0][:50]!r} that webhooks are told of. Known: {known}."
        raise _wrong("kinds", "unknown_kind", message)


def _written(connection: Connection, statement: Insert | Update, name: str) -> Item:
    try:
        return dict(connection.execute(statement.returning(*SHOWN)).mappings().one())
    except IntegrityError as error:
        message = f"There is a webhook {name} already. Choose another name, or change that one."
        problem = Problem("body.name", "webhook_exists", message)
        raise Conflict(message, code="webhook_exists", problems=(problem,)) from error


def _wrong(field: str, code: str, message: str) -> Invalid:
    return Invalid(message, code=code, problems=(Problem(f"body.{field}", code, message),))
