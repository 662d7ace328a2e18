"""The wire format of Server-Sent Events.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from wharf.client.job import ENDED, Job


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event: its type (`job.progress`), the id to resume after, its data as parsed JSON."""

    type: str
    id: str | None
    data: dict[str, Any]

    @property
    def job(self) -> Job | None:
        """The job's state that the event carries, if it carries one."""
        document = self.data.get("job") or self.data
        return Job.of(document) if "status" in document and "job_id" in document else None

    @property
    def ended(self) -> bool:
        """Whether the job has ended with this event."""
        job = self.job
        return job.ended if job else self.type.removeprefix("job.") in ENDED


def parse_events(chunks: Iterable[bytes]) -> Iterator[ServerEvent]:
    """The events of a stream, each as soon as it is complete; an event that the stream breaks off is dropped."""
    kind, last_id, data = "message", None, list[str]()
    for line in _lines(chunks):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line and data:
            yield ServerEvent(kind, last_id, _parsed("\n".join(data)))
        if not line:
            kind, data = "message", []
        elif name == "data":
            data.append(value)
        elif name == "event":
            kind = value
        elif name == "id":
            last_id = value


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    # Bytes are split, not text: str.splitlines would also split at U+2028 and others, which JSON may hold as they are.
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.removesuffix(b"\r").decode("utf-8", errors="replace")


def _parsed(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {"text": text}
    return value if isinstance(value, dict) else {"value": value}
