"""Where files are: a port over object storage. Jobs pass keys, never local paths.

A local folder by default, S3-compatible storage by one setting (`s3://bucket/prefix`).
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlparse

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, S3Store, from_url

from wharf.common.errors import Permanent, Transient
from wharf.common.metrics import STORAGE_ERRORS
from wharf.common.runtime.transients import disk_is_full
from wharf.common.settings import StorageSettings

if TYPE_CHECKING:  # they are not there when the program runs
    from obstore.store import ClientConfig, RetryConfig

S3 = frozenset({"s3", "s3a"})
ANSWER_WITHIN, TRANSFER_WITHIN = timedelta(seconds=5), timedelta(seconds=60)
RETRIES: RetryConfig = {"max_retries": 3, "retry_timeout": timedelta(seconds=20)}
"""A job that waits for a storage cannot be cancelled: it is the runtime that tries again later."""
CLOCK = "clock"
"""An empty object that is written to learn the storage's time."""
UNFINISHED = re.compile(r"#\d+$")
"""How the local folder names a file that is being written."""
PART_BYTES = 5 * 2**20
"""What an upload holds in memory before it writes a part: S3's smallest part."""

LARGE_PART_BYTES = 32 * 2**20
"""The same where an object may be very large: S3 takes 10,000 parts, so this bounds it to 312 GB."""
PIECE_BYTES = 4 * 2**20


@contextmanager
def _in_our_words() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        STORAGE_ERRORS.labels("stored_file_missing").inc()
        message = "A stored file is gone from the object storage. Upload it again."
        raise Permanent(message, code="stored_file_missing") from error
    except (BaseError, OSError) as error:
        full = disk_is_full(error)
        STORAGE_ERRORS.labels("storage_full" if full else "storage_unavailable").inc()
        if full:
            message = "There is no room in the object storage. The job is tried again; somebody has to make room."
            raise Transient(message, code="storage_full") from error
        message = "The object storage did not answer as it should. The job is tried again."
        raise Transient(message, code="storage_unavailable") from error


def _s3(settings: StorageSettings) -> S3Store:
    """What was said of the server; the rest is the environment's, as with Amazon's own tools."""
    said = {
        "endpoint": settings.s3_endpoint,
        "region": settings.s3_region,
        "access_key_id": settings.s3_access_key and settings.s3_access_key.get_secret_value(),
        "secret_access_key": settings.s3_secret_key and settings.s3_secret_key.get_secret_value(),
    }
    config: Any = {name: value for name, value in said.items() if value}
    plain = bool(settings.s3_endpoint and settings.s3_endpoint.startswith("http://"))
    client: ClientConfig = {"allow_http": plain, "connect_timeout": ANSWER_WITHIN, "timeout": TRANSFER_WITHIN}
    return S3Store.from_url(settings.storage_url, config=config, client_options=client, retry_config=RETRIES)


@dataclass(frozen=True)
class StoredFile:
    """A stored object that can be read piece by piece."""

    store: Storage
    key: str
    size: int

    def read(self, start: int, length: int) -> bytes:
        """Bytes `start` to `start + length`, fewer at the file's end."""
        return self.store.read(self.key, start, min(length, self.size - start))

    def pieces(self, length: int = PIECE_BYTES) -> Iterator[bytes]:
        """All of it, from the first byte to the last."""
        return (self.read(start, length) for start in range(0, self.size, length))


@dataclass(frozen=True, slots=True)
class Listed:
    """An object in a list: its key, its size, and when it was last written by the storage's clock."""

    key: str
    written_at: datetime
    size: int


@dataclass(frozen=True, slots=True)
class Room:
    """The bytes of the disk that a folder is on."""

    free: int
    total: int


@dataclass(frozen=True)
class Storage:
    """The installation's object storage."""

    inner: ObjectStore

    @classmethod
    def open(cls, settings: StorageSettings) -> Storage:
        """Open what the settings name; a local folder is made where there is none."""
        parts = urlparse(settings.storage_url)
        if parts.scheme == "file":
            folder = Path(unquote(parts.path))
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            # The last file of a folder takes it along: each package has one.
            return cls(LocalStore(folder, automatic_cleanup=True))
        return cls(_s3(settings) if parts.scheme in S3 else from_url(settings.storage_url))

    @property
    def folder(self) -> Path | None:
        """Where the objects are on this machine; None where they are elsewhere."""
        return Path(root) if isinstance(self.inner, LocalStore) and (root := self.inner.prefix) else None

    def writer(self, key: str) -> obstore.AsyncWritableFile:
        """Write an object as its bytes arrive: it is there, whole, after `close()`; unclosed it leaves nothing."""
        return obstore.open_writer_async(self.inner, key, buffer_size=PART_BYTES)

    async def put_soon(self, key: str, data: bytes) -> None:
        """Write a small object in one go, without holding up the event loop."""
        await obstore.put_async(self.inner, key, data)

    def put(self, key: str, data: bytes) -> None:
        """Write a small object in one go."""
        with _in_our_words():
            obstore.put(self.inner, key, data)

    def put_file(self, key: str, path: Path) -> None:
        """Write a local file, in parts where it is large: it is there, whole, or not at all."""
        with _in_our_words():
            obstore.put(self.inner, key, path)

    def put_pieces(self, key: str, pieces: Iterable[bytes]) -> None:
        """Write a large object as its bytes come: it is there, whole, or not at all, also where `pieces` raises."""
        with _in_our_words():
            obstore.put(self.inner, key, pieces, chunk_size=LARGE_PART_BYTES, max_concurrency=2)

    def open_file(self, key: str) -> StoredFile:
        """A stored object's size and a way to read it; `Permanent` where it is gone."""
        with _in_our_words():
            return StoredFile(self, key, obstore.head(self.inner, key)["size"])

    def read(self, key: str, start: int, length: int) -> bytes:
        """A range of an object; empty when `length` is not positive."""
        if length <= 0:
            return b""
        with _in_our_words():
            return bytes(obstore.get_range(self.inner, key, start=start, length=length))

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""
        with _in_our_words():
            try:
                obstore.delete(self.inner, key)
            except FileNotFoundError:
                return

    def delete_all(self, keys: Sequence[str]) -> None:
        """Remove objects, in one request where the storage can; those that are not there are no error."""
        with _in_our_words():
            try:
                obstore.delete(self.inner, [*keys])
            except FileNotFoundError:
                for key in keys:
                    self.delete(key)

    def list(self, prefix: str) -> Iterator[Listed]:
        """The objects below a prefix, in no order."""
        with _in_our_words():
            for batch in obstore.list(self.inner, prefix):
                for found in batch:
                    yield Listed(found["path"], found["last_modified"], found["size"])

    def unfinished(self, prefix: str, check: Callable[[], object] = lambda: None) -> Iterator[Path]:
        """What a killed writer left in a local folder; in S3 a rule of the bucket drops such parts.

        `check` is called for each file, so that whoever has no more time for a large folder can raise.
        """
        root = self.folder
        for path in (root / prefix).rglob("*") if root else ():
            check()
            if UNFINISHED.search(path.name):
                yield path

    def room(self) -> Room | None:
        """How much room there is in a local folder; None of a storage that is none."""
        if not isinstance(self.inner, LocalStore) or self.inner.prefix is None:
            return None
        found = shutil.disk_usage(self.inner.prefix)
        return Room(found.free, found.free + found.used)

    def now(self) -> datetime:
        """The time by the storage's own clock: ages of objects are told by no other."""
        with _in_our_words():
            obstore.put(self.inner, CLOCK, b"")
            return obstore.head(self.inner, CLOCK)["last_modified"].astimezone(UTC)
