"""Results of jobs: what is large lives compressed in the object storage, what is small stays in the ledger with it.

The row keeps every value that is short (counts, ids, a period), so lists, events and queries say what they always said;
`whole` gives the rest back to who asks for one job.
"""

from __future__ import annotations

import gzip
from typing import Any, Final
from uuid import UUID

import orjson

from wharf.common.ledger.database import dumps
from wharf.common.storage import Storage

Result = dict[str, Any]
FOLDER: Final = "results"
STORED: Final = "_stored"
"""What a row has instead of the long values: the attempt that stored the result, its size, and their names."""
LARGEST_BYTES = 64 * 1024
"""Up to here a result stays in the ledger as it is."""
SHORT_BYTES = 512
"""Up to here a value of a large result stays in the ledger."""
SHORT_VALUES = 50


def result_key(tenant_id: UUID, job_id: UUID, attempt: int) -> str:
    """Where the result of that attempt is: an attempt that has lost its lease overwrites nobody's."""
    return f"{FOLDER}/{tenant_id}/{job_id}/{attempt}.json.gz"


def kept(storage: Storage, tenant_id: UUID, job_id: UUID, attempt: int, result: Result) -> Result:
    """What the ledger keeps of a result; the whole of a large one is in the storage afterwards."""
    data = dumps(result).encode()
    if len(data) <= LARGEST_BYTES or STORED in result:
        return result
    storage.put(result_key(tenant_id, job_id, attempt), gzip.compress(data, mtime=0))
    short = [name for name, value in result.items() if len(dumps(value)) <= SHORT_BYTES][:SHORT_VALUES]
    said = {"attempt": attempt, "bytes": len(data), "left_out": sorted(result.keys() - set(short))[:SHORT_VALUES]}
    return {name: result[name] for name in short} | {STORED: said}


def is_short(result: Result | None) -> bool:
    """Whether the rest of it is in the storage."""
    return result is not None and STORED in result


def whole(storage: Storage, tenant_id: UUID, job_id: UUID, result: Result) -> Result:
    """All of a result. Raises `Permanent` where its file is gone, `Transient` where the storage is away."""
    if not is_short(result):
        return result
    file = storage.open_file(result_key(tenant_id, job_id, int(result[STORED]["attempt"])))
    all_of_it: Result = orjson.loads(gzip.decompress(file.read(0, file.size)))
    # What the row says goes before: an undo writes into it, long after.
    return all_of_it | {name: value for name, value in result.items() if name != STORED}
