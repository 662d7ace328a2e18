"""Follows one job to its end: by events while they come, by asking when they do not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx

from wharf.client.answers import refuse_errors
from wharf.client.failure import ClientError
from wharf.client.job import Job
from wharf.client.sse import ServerEvent, parse_events

STREAM_TRIES = 3
"""So often in a row may a stream bring nothing before the job is polled."""
SILENCE_SECONDS = 30.0
"""A stream that is silent for longer is opened again."""
UNREACHABLE_SECONDS = 60.0
SERVER_ERRORS = 500


@dataclass(frozen=True)
class Following:
    """The events of one job. `ask` gives the job's state now; `pause` waits for so many seconds."""

    http: httpx.Client
    path: str
    ask: Callable[[], Job]
    pause: Callable[[float], None] = time.sleep

    def events(self) -> Iterator[ServerEvent]:
        """Yield events until the job has ended; the last one says so.

        A stream that breaks is resumed after the last event seen. Raises `ClientError` where the job is refused, or
        when nothing has answered for a minute.
        """
        last_id: str | None = None
        fruitless = 0
        while fruitless < STREAM_TRIES:
            fruitless += 1
            for event in self._stream(last_id):
                fruitless, last_id = 0, event.id or last_id
                yield event
                if event.ended:
                    return
            self.pause(0.25 * 2**fruitless)
        yield from self._polled()

    def _stream(self, last_id: str | None) -> Iterator[ServerEvent]:
        """Yield what one connection brings; that it breaks is no error."""
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last_id} if last_id else {})
        timeout = httpx.Timeout(SILENCE_SECONDS, connect=5.0)
        try:
            with self.http.stream("GET", self.path, headers=headers, timeout=timeout) as response:
                _refuse(response)
                yield from parse_events(response.iter_bytes())
        except httpx.TransportError:
            return
        except ClientError as error:
            if error.status is None or error.status < SERVER_ERRORS:
                raise

    def _polled(self) -> Iterator[ServerEvent]:
        answered = time.monotonic()
        shown: Job | None = None
        while shown is None or not shown.ended:
            try:
                job = self.ask()
            except ClientError as error:
                if (error.status or SERVER_ERRORS) < SERVER_ERRORS or time.monotonic() - answered > UNREACHABLE_SECONDS:
                    raise
            else:
                answered = time.monotonic()
                if job != shown:
                    shown = job
                    yield _as_event(job)
            self.pause(0.5)


def _refuse(response: httpx.Response) -> None:
    if not response.is_success:
        response.read()
        refuse_errors(response)


def _as_event(job: Job) -> ServerEvent:
    moved = job.status == "running" and job.progress.current
    return ServerEvent("job.progress" if moved else f"job.{job.status}", None, {"job": job.document})
