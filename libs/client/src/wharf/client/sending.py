"""A file on its way to the server: read from the disk piece by piece, never whole in memory."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

from wharf.client.failure import ClientError

Sent = Callable[[int, int], None]
"""Called with the bytes sent so far and the file's size."""


class OutgoingFile(io.FileIO):
    """The file at `path`, opened for reading; `on_sent` hears of its size, then of every piece taken."""

    def __init__(self, path: Path, on_sent: Sent | None = None) -> None:
        try:
            if path.is_dir():
                raise ClientError(f"{path} is a folder. Name a file.", code="not_a_file")
            super().__init__(path, "rb")
        except OSError as error:
            raise ClientError(f"{path} cannot be read: {error.strerror}.", code="not_readable") from error
        self._on_sent = on_sent
        self._size = path.stat().st_size
        if on_sent:
            on_sent(0, self._size)

    def read(self, size: int | None = -1, /) -> bytes:
        """The next piece."""
        piece = super().read(-1 if size is None else size)
        if piece and self._on_sent:
            self._on_sent(self.tell(), self._size)
        return piece or b""
