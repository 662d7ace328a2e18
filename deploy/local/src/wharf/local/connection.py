"""How to reach a running stack: the contents of `DIR/connection.json`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from wharf.local.private import write_private


@dataclass(frozen=True, slots=True)
class Connection:
    """Addresses, keys and processes of a running stack.

    `database_url` is a libpq URI with the owner's rights; `processes` maps a child's name to its pid (of a child that
    waits for its restart: the last one); `metrics` maps a service's name to the address of its metrics.
    """

    url: str
    api_key: str
    platform_key: str
    database_url: str
    redis_url: str
    processes: dict[str, int] = field(default_factory=dict)
    metrics: dict[str, str] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Replace the file `path` (mode 0600) in one step."""
        write_private(path, json.dumps(asdict(self), indent=2))

    @classmethod
    def read(cls, path: Path) -> Connection:
        """What `write` wrote; `FileNotFoundError` where no stack runs."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))
