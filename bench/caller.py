"""A client that costs little: it shares the machine with what it measures."""

from __future__ import annotations

import http.client
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

BOUNDARY = "wharf-bench-7d1c0f6a"
TIMEOUT = 60.0


@dataclass(frozen=True, slots=True)
class Call:
    """One request, ready to be sent again and again, and the status that answers it."""

    path: str
    headers: dict[str, str]
    body: bytes
    expected: int


class Caller:
    """One connection that is kept. Raises `RuntimeError` for an answer that is not the expected one."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._http = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=TIMEOUT)

    def send(self, call: Call) -> None:
        """Send it and read the whole answer."""
        self._http.request("POST", call.path, call.body, call.headers)
        answer = self._http.getresponse()
        text = answer.read()
        if answer.status != call.expected:
            raise RuntimeError(f"{call.path} answered {answer.status}: {text[:300]!r}")

    def close(self) -> None:
        """Give the connection back."""
        self._http.close()

    def __enter__(self) -> Self:
        """Use it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()


def form_body(file: Path, **fields: str) -> tuple[str, bytes]:
    """A multipart form with the file and these fields: its Content-Type and its bytes."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    disposition = f'Content-Disposition: form-data; name="file"; filename="{file.name}"\r\n'
    head = f"--{BOUNDARY}\r\n{disposition}Content-Type: text/csv\r\n\r\n".encode()
    body = b"".join([*parts, head, file.read_bytes(), f"\r\n--{BOUNDARY}--\r\n".encode()])
    return f"multipart/form-data; boundary={BOUNDARY}", body
