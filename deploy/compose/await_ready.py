"""Waits for the gateway of a Compose installation, and says how to use it. Standard library only."""

from __future__ import annotations

import os
import sys
import time
import urllib.error
import urllib.request

PUBLISHED = "127.0.0.1:8000"
LONGEST = 120


def address() -> str:
    """Where the gateway is published: `host:port`, or a port alone."""
    published = os.environ.get("WHARF_PUBLISH") or PUBLISHED
    host, _, port = published.rpartition(":")
    return f"http://{host if host not in {'', '0.0.0.0'} else '127.0.0.1'}:{port}"  # noqa: S104 - compared, not bound


def is_ready(url: str) -> bool:
    """Whether it serves."""
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=2) as answer:  # noqa: S310 - our own address
            return bool(answer.status == 200)  # noqa: PLR2004 - HTTP's OK
    except (urllib.error.URLError, OSError):
        return False


def main() -> None:
    """Wait up to two minutes; exit code 1 where it does not get ready."""
    url, begun = address(), time.monotonic()
    while not is_ready(url):
        waited = time.monotonic() - begun
        if waited > LONGEST:
            look = "docker compose -p wharf ps, and docker compose -p wharf logs migrate gateway"
            sys.exit(f"\n{url} is not ready after {LONGEST} s. Look at: {look}")
        sys.stdout.write(f"\rWaiting for {url} ... {waited:.0f} s")
        sys.stdout.flush()
        time.sleep(0.5)
    key = "deploy/compose/secrets/first_api_key"
    sys.stdout.write(
        f"\rWharf is ready at {url} (API: {url}/docs). An admin's key of the tenant default is in {key}\n"
        f'Try:  curl -H "Authorization: Bearer $(cat {key})" -F file=@FILE {url}/api/v1/uploads\n'
        "Stop: make compose-down\n"
    )


if __name__ == "__main__":
    main()
