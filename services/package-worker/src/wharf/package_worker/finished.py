"""Files of a package that an earlier attempt has finished: they need not be made again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wharf.common.errors import Permanent
from wharf.common.packages.files import file_key

if TYPE_CHECKING:
    from wharf.common.runtime.context import JobContext

Files = dict[str, dict[str, Any]]
"""By format, as the result names them."""


def finished_files(context: JobContext[Any], fingerprint: str) -> Files:
    """Those that are stored, and were made of the very same rows."""
    kept = context.checkpoint or {}
    files: Files = kept["files"] if kept.get("fingerprint") == fingerprint else {}
    return {format_: file for format_, file in files.items() if _is_stored(context, file)}


def keep_finished(context: JobContext[Any], fingerprint: str, files: Files) -> None:
    """Whatever is killed now, the next attempt makes only what is missing."""
    with context.transaction() as connection:
        context.save(connection, {"fingerprint": fingerprint, "files": files})


def _is_stored(context: JobContext[Any], file: dict[str, Any]) -> bool:
    try:
        stored = context.storage.open_file(file_key(context.tenant_id, context.job_id, file["name"]))
        return bool(stored.size == file["size"])
    except Permanent:
        return False
