"""`wharf workers`: see who works."""

from __future__ import annotations

from wharf.client.commands.access import AsJson, client
from wharf.client.table import print_json, print_table


def workers(*, as_json: AsJson = False) -> None:
    """List the workers, which queues they serve, and whether they live."""
    with client() as wharf:
        found = wharf.workers()
    if as_json:
        print_json(found)
        return
    rows = (
        (one["name"], ",".join(one["queues"]), one["slots"], one["version"], "alive" if one["alive"] else "silent")
        for one in found
    )
    print_table(("WORKER", "QUEUES", "SLOTS", "VERSION", "STATE"), rows, empty="There are no workers.")
