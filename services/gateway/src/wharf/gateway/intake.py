"""One file on its way in: its bytes go into the object storage as they arrive, before any row knows of it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from obstore.exceptions import BaseError
from starlette.requests import Request

from wharf.common.clock import new_id
from wharf.common.errors import Invalid, Problem, TooLarge, Transient
from wharf.common.metrics import STORAGE_ERRORS
from wharf.common.runtime.points import Point, reach
from wharf.common.runtime.transients import disk_is_full
from wharf.common.storage import Storage
from wharf.gateway.authentication import Member
from wharf.gateway.form import CONTROLS, UploadFields, read_fields
from wharf.gateway.multipart import Form
from wharf.gateway.resources import Resources

if TYPE_CHECKING:
    from obstore import AsyncWritableFile

LONGEST_NAME = 255
DEFAULT_PROJECT = "default"
ANY_MEDIA = "application/octet-stream"
MEDIA = re.compile(r"[a-z0-9!#$&^_.+-]{1,60}/[a-z0-9!#$&^_.+-]{1,60}")
SMALL_BYTES = 256 * 1024
"""Up to here a file is stored in one go: most are that small, and a stream costs three turns of the event loop."""
FORM_BYTES = 512 * 1024
"""What a form has beside its file: a body this much larger than the limit holds a file that is too large."""

Read = Callable[[Mapping[str, str]], UploadFields]


class Intake:
    """One file on its way into the storage: hashed, counted, bounded. Not kept, it leaves nothing behind."""

    def __init__(self, storage: Storage, key: str, limit: int) -> None:
        self.key = key
        self.file_name = ""
        self.media_type = ANY_MEDIA
        self.size = 0
        self._storage = storage
        self._limit = limit
        self._digest = hashlib.sha256()
        self._small = bytearray()
        self._writer: AsyncWritableFile | None = None

    @property
    def sha256(self) -> str:
        """Of the bytes taken so far, as hex."""
        return self._digest.hexdigest()

    async def open(self, file_name: str, media_type: str) -> None:
        """The file begins."""
        self.file_name = shown_name(file_name)
        self.media_type = shown_media_type(media_type)

    async def write(self, data: bytes) -> None:
        """The next bytes; raises `TooLarge` with the first one that is too many."""
        self.size += len(data)
        if self.size > self._limit:
            raise too_large(self._limit)
        self._digest.update(data)
        if self._writer is None and self.size <= SMALL_BYTES:
            self._small += data
            return
        with _in_our_words():
            await self._stream(data)

    async def keep(self) -> None:
        """Make the object be there, whole."""
        with _in_our_words():
            if self._writer is None:
                await self._storage.put_soon(self.key, bytes(self._small))
            else:
                await self._writer.close()

    async def _stream(self, data: bytes) -> None:
        if self._writer is None:
            self._writer = self._storage.writer(self.key)
            await self._writer.write(bytes(self._small))
            self._small.clear()
        await self._writer.write(data)

    def let_go(self) -> None:
        """Drop the writer now, not when memory is next tidied up: what it wrote and did not keep goes with it."""
        self._writer = None
        self._small.clear()


@dataclass(frozen=True, slots=True)
class Arrival:
    """A stored file and what its sender said about it."""

    upload_id: UUID
    import_id: UUID
    project_id: str
    intake: Intake
    fields: UploadFields


async def take_in(resources: Resources, member: Member, request: Request, read: Read = read_fields) -> Arrival:
    """Read a form; its file is in the storage afterwards, or nothing is and an error of ours is raised."""
    limit = resources.settings.upload_max_bytes
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > limit + FORM_BYTES:
        raise too_large(limit)
    upload_id = new_id()
    intake = Intake(resources.storage, f"uploads/{member.tenant_id}/{upload_id}", limit)
    try:
        form = Form(request.headers.get("content-type", ""), intake)
        await form.read(request.stream())
        fields = read(form.fields)
        project_id = member.project(fields.project_id) or DEFAULT_PROJECT
        _check_name(intake.file_name)
        await intake.keep()
        reach(Point.AFTER_STORED)
    finally:
        intake.let_go()
    return Arrival(upload_id, new_id(), project_id, intake, fields)


def _check_name(file_name: str) -> None:
    if not file_name:
        message = "The file has no name. Send the part `file` with a filename."
        raise Invalid(message, code="file_name_missing", problems=(Problem("body.file", "file_name_missing", message),))


def too_large(limit: int) -> TooLarge:
    """A file above the installation's limit."""
    message = f"The file is larger than this installation takes ({limit} bytes). Split it."
    return TooLarge(message, code="file_too_large")


def shown_name(name: str) -> str:
    """A user's file name as it is shown: the last part of its path, no control characters. Never a path of ours."""
    last = re.split(r"[/\\]", name)[-1]
    clean = "".join(c for c in last if c.isprintable() and c not in CONTROLS).strip()
    return clean[-LONGEST_NAME:]


def shown_media_type(media_type: str) -> str:
    """What the client says that the file is; nothing decides by it."""
    kind = media_type.partition(";")[0].strip().lower()
    return kind if MEDIA.fullmatch(kind) else ANY_MEDIA


@contextmanager
def _in_our_words() -> Iterator[None]:
    try:
        yield
    except (BaseError, OSError) as error:
        STORAGE_ERRORS.labels("storage_full" if disk_is_full(error) else "storage_unavailable").inc()
        message = "The object storage did not take the file. Send it again in a moment."
        raise Transient(message, code="storage_unavailable") from error
