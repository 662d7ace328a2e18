"""Where Wharf is and with which key: from the environment, `.env`, or the stack that runs here."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wharf.client.failure import ClientError

ASSIGNMENT = re.compile(r"\s*(?:export\s+)?(?P<name>[A-Za-z_]\w*)\s*=\s*(?P<value>.*?)\s*")
QUOTED = re.compile(r"(?P<quote>['\"])(?P<value>.*)(?P=quote)(?:\s+#.*)?")


@dataclass(frozen=True, slots=True)
class Connection:
    """The address of a gateway and a key for it."""

    url: str
    key: str


def find_connection(
    *, platform: bool = False, environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> Connection:
    """The first of: `WHARF_URL` and `WHARF_API_KEY`, the same from `.env`, the local stack's `connection.json`.

    `platform` asks for the key of the installation's owner (`WHARF_PLATFORM_KEY` is preferred to `WHARF_API_KEY`).
    The local stack's keys are never sent to another address. Raises `ClientError` that says what to set.
    """
    place = folder or Path()
    settings = _dotenv(place / ".env") | dict(os.environ if environment is None else environment)
    local = _local(place / (settings.get("WHARF_DATA_DIR") or ".wharf") / "connection.json")
    local_url = str(local.get("url", ""))
    url = (settings.get("WHARF_URL") or local_url).rstrip("/")
    key = settings.get("WHARF_API_KEY")
    if platform:
        key = settings.get("WHARF_PLATFORM_KEY") or key
    if not key and url == local_url.rstrip("/"):
        key = local.get("platform_key" if platform else "api_key")
    return _checked(url, key)


def _checked(url: str, key: str | None) -> Connection:
    if not url:
        message = "No Wharf is known here. Start one with: wharf up, or set WHARF_URL and WHARF_API_KEY (or .env)."
        raise ClientError(message, code="no_address")
    if not url.startswith(("http://", "https://")):
        raise ClientError(f"WHARF_URL is {url!r}, which has no http:// or https:// in front.", code="bad_address")
    if not key:
        raise ClientError(f"WHARF_API_KEY is not set. Set it to a key for {url}.", code="no_key")
    return Connection(url, key)


def _local(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except PermissionError:
        raise ClientError(
            f"{path} belongs to somebody else. Set WHARF_URL and WHARF_API_KEY instead.", code="not_readable"
        ) from None
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _dotenv(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return {}
    found = (ASSIGNMENT.fullmatch(line) for line in lines)
    return {match["name"]: _value(match["value"]) for match in found if match}


def _value(text: str) -> str:
    quoted = QUOTED.fullmatch(text)
    return quoted["value"] if quoted else re.sub(r"(^|\s+)#.*", "", text)
