"""Makes the secrets of a Compose installation, once: files in `deploy/compose/secrets`, or the folder that is named.

After the folder may come what the servers' names begin with: `make_secrets.py secrets wharf-` writes the addresses of
the Helm chart's own servers, wharf-postgres and wharf-redis.

What is there is kept, so running it again changes nothing; delete a file to have it made anew. The files may be read by
everybody who can reach them, since Compose hands them to containers as they are, with users of their own; so their
folder lets in nobody but its owner. Standard library only: it needs no set-up.
"""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent / "secrets"


def password() -> str:
    """192 random bits, in letters that need no quoting in an address."""
    return secrets.token_urlsafe(24)


def key() -> str:
    """A key as `wharf.common.access.new_key` makes it."""
    return f"wk_{secrets.token_hex(6)}_{password()}"


def make(folder: Path, servers: str = "") -> list[str]:
    """Make what is missing, with names of servers that begin so; gives the names of what was made."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    made: list[str] = []

    def keep(name: str, new: Callable[[], str]) -> str:
        path = folder / name
        if not path.exists():
            path.write_text(new() + "\n", "utf-8")
            path.chmod(0o444)
            made.append(name)
        return path.read_text("utf-8").strip()

    _of_the_ledger(keep, servers)
    _of_the_brokers(keep, servers)
    _of_the_storage(keep)
    for name in ("first_api_key", "first_platform_key"):
        keep(name, key)
    for name in ("flower_password", "grafana_password"):
        keep(name, password)
    return made


Keep = Callable[[str, Callable[[], str]], str]


def _of_the_ledger(keep: Keep, servers: str) -> None:
    logins = {"owner": ("wharf", "postgres_password"), "app": ("wharf_app", "app_password")}
    logins |= {role: (f"wharf_{role}", f"{role}_password") for role in ("dispatch", "backup")}
    for role, (user, name) in logins.items():
        word = keep(name, password)
        url = f"postgresql://{user}:{word}@{servers}postgres:5432/wharf"
        keep(f"{role}_database_url", lambda url=url: url)  # type: ignore[misc]  # a lambda's default has no type


def _of_the_brokers(keep: Keep, servers: str) -> None:
    word = keep("redis_password", password)
    keep("redis_url", lambda: f"redis://:{word}@{servers}redis:6379/0")
    keep("broker_url", lambda: f"redis://:{word}@{servers}redis:6379/1")
    rabbit = keep("rabbitmq_password", password)
    keep("rabbitmq_url", lambda: f"amqp://wharf:{rabbit}@{servers}rabbitmq:5672//")
    keep("rabbitmq_conf", lambda: f"default_user = wharf\ndefault_pass = {rabbit}")


def _of_the_storage(keep: Keep) -> None:
    access, secret = keep("s3_access_key", lambda: f"wharf{secrets.token_hex(8)}"), keep("s3_secret_key", password)
    credentials = [{"accessKey": access, "secretKey": secret}]
    identity = {"name": "wharf", "credentials": credentials, "actions": ["Admin", "Read", "Write", "List"]}
    keep("s3_config", lambda: json.dumps({"identities": [identity]}))


if __name__ == "__main__":
    place = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    new = make(place, "".join(sys.argv[2:3]))
    sys.stdout.write(f"{len(new)} secrets made in {place}\n" if new else f"The secrets in {place} are all there.\n")
