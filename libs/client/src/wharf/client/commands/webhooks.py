"""Tell another system what happened, and see what it heard: `wharf webhooks`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from wharf.client.commands.access import AsJson, client
from wharf.client.table import print_json, print_table

app = typer.Typer(
    no_args_is_help=True, add_completion=False, rich_markup_mode=None, help="Tell another system what happened."
)


class State(StrEnum):
    """What has become of a delivery."""

    WAITING = "waiting"
    SENDING = "sending"
    DELIVERED = "delivered"
    FAILED = "failed"


ENDS = "job.completed,job.failed,job.cancelled"
Name = Annotated[str, typer.Argument(metavar="WEBHOOK", help="Its name, or its id.", show_default=False)]
Delivery = Annotated[str, typer.Argument(metavar="DELIVERY", help="The delivery's id.", show_default=False)]


@app.command("ls")
def ls(*, as_json: AsJson = False) -> None:
    """List the webhooks."""
    with client() as wharf:
        found = wharf.webhooks()
    if as_json:
        print_json(found)
        return
    rows = ((w["name"], w["url"], ",".join(w["events"]), w["project_id"], _state(w), w["id"]) for w in found)
    print_table(("NAME", "URL", "EVENTS", "PROJECT", "STATE", "ID"), rows, empty="There are no webhooks.")


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="What it is called.")],
    url: Annotated[str, typer.Argument(help="The address that is told.")],
    *,
    events: Annotated[str, typer.Option(help="Of what, with commas; there is report.ready, too.")] = ENDS,
    kinds: Annotated[str | None, typer.Option(help="Of these kinds of job only, with commas.")] = None,
    project: Annotated[str | None, typer.Option(help="Of this project only.")] = None,
    as_json: AsJson = False,
) -> None:
    """Tell an address from now on, and print the secret: the only time that it is seen."""
    wanted = {"events": _listed(events), "kinds": _listed(kinds) if kinds else None, "project_id": project}
    with client() as wharf:
        made = wharf.create_webhook(name, url, **wanted)
    _say_secret(made, as_json=as_json)


@app.command("rotate")
def rotate(name: Name, *, as_json: AsJson = False) -> None:
    """Make a new secret and print it; the one before signs too for a day."""
    with client() as wharf:
        made = wharf.rotate_webhook(wharf.webhook(name)["id"])
    _say_secret(made, as_json=as_json)


@app.command("enable")
def enable(name: Name) -> None:
    """Tell it again, from now on."""
    _change(name, enabled=True)


@app.command("disable")
def disable(name: Name) -> None:
    """Tell it nothing more; what waits is given up."""
    _change(name, enabled=False)


@app.command("rm")
def remove(name: Name) -> None:
    """Take a webhook away with its deliveries."""
    with client() as wharf:
        wharf.remove_webhook(wharf.webhook(name)["id"])
    typer.echo(f"{name}: removed.")


@app.command("test")
def try_out(name: Name) -> None:
    """Send a message that tells nothing but that messages come."""
    with client() as wharf:
        made = wharf.test_webhook(wharf.webhook(name)["id"])
    typer.echo(f"Delivery {made['id']} is {made['status']}. See it: wharf webhooks deliveries {name}")


@app.command("deliveries")
def deliveries(
    name: Name,
    *,
    status: Annotated[State | None, typer.Option(help="Only these.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List what was sent, what came of it, and what waits."""
    with client() as wharf:
        found = list(wharf.webhook_deliveries(wharf.webhook(name)["id"], status=status, limit=limit))
    if as_json:
        print_json(found)
        return
    rows = ((d["created_at"], d["type"], d["status"], d["attempt"], _last(d), d["job_id"], d["id"]) for d in found)
    headers = ("AT", "EVENT", "STATUS", "TRIES", "LAST", "JOB", "ID")
    print_table(headers, rows, empty="Nothing was sent yet.")


@app.command("replay")
def replay(name: Name, delivery: Delivery) -> None:
    """Send a message again, under its id."""
    with client() as wharf:
        again = wharf.replay_delivery(wharf.webhook(name)["id"], delivery)
    typer.echo(f"Delivery {again['id']} is {again['status']}.")


def _change(name: str, **changes: Any) -> None:  # noqa: ANN401 - JSON may be anything
    with client() as wharf:
        changed = wharf.change_webhook(wharf.webhook(name)["id"], **changes)
    typer.echo(f"{changed['name']}: {_state(changed)}.")


def _say_secret(made: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(made)
        return
    typer.echo(made["secret"])
    typer.echo(f"This is the only time that it is shown. {made['name']} has the id {made['id']}.", err=True)


def _listed(text: str) -> list[str]:
    return [one.strip() for one in text.split(",")]


def _state(webhook: dict[str, Any]) -> str:
    if webhook["enabled"]:
        return f"failing since {webhook['failing_since']}" if webhook["failing_since"] else "enabled"
    return f"disabled ({webhook['disabled_reason']})"


def _last(delivery: dict[str, Any]) -> str:
    """What the newest try came to."""
    if not delivery["tries"]:
        return ""
    newest = delivery["tries"][-1]
    return " ".join(str(newest[name]) for name in ("status", "code") if newest[name])
