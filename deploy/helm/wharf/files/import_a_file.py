"""`helm test`: imports a file as a user would. Standard library only: it runs in the gateway's image."""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn
from uuid import uuid4

ROWS = 100
ENDED = {"completed", "failed", "cancelled"}


def fail(message: str) -> NoReturn:
    """End with a sentence that tells where to look."""
    sys.exit(f"FAILED: {message}")


def ask(path: str, body: bytes | None = None, headers: Mapping[str, str] = {}) -> dict[str, Any]:
    """The gateway's answer."""
    key = Path(os.environ["WHARF_API_KEY_FILE"]).read_text("utf-8").strip()
    url = os.environ["WHARF_URL"].rstrip("/") + path
    request = urllib.request.Request(url, body, {"Authorization": f"Bearer {key}", **headers})  # noqa: S310 - our own address
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - as above
            found: dict[str, Any] = json.load(answer)
            return found
    except urllib.error.HTTPError as error:
        fail(f"{path} answered {error.code}: {error.read().decode('utf-8', 'replace')[:300]}")
    except OSError as error:
        fail(f"{url} cannot be reached ({error}). Look at the gateway's pods and at networkPolicy.callers.")


def form(fields: Mapping[str, str], content: str) -> tuple[bytes, str]:
    """A multipart body with a file, and its type."""
    mark = uuid4().hex
    parts = [
        f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{said}' for name, said in fields.items()
    ]
    named = 'Content-Disposition: form-data; name="file"; filename="helm-test.csv"'
    parts.append(f"--{mark}\r\n{named}\r\nContent-Type: text/csv\r\n\r\n{content}")
    return ("\r\n".join(parts) + f"\r\n--{mark}--\r\n").encode(), f"multipart/form-data; boundary={mark}"


def submit() -> str:
    """Send a small file that is new, and would be good to have; the job's id."""
    lines = [f"{uuid4().hex},2026-01-01 10:00,1,{price}.25" for price in range(ROWS)]
    content = "\n".join(["transaction_id,date,quantity,unit_price", *lines]) + "\n"
    body, kind = form({"profile": "transactions", "project_id": "helm-test", "mode": "replace"}, content)
    return str(ask("/api/v1/uploads", body, {"Content-Type": kind})["job_id"])


def main() -> None:
    """Wait for the import's end, and look at what came of it. It replaces the project: one test's rows are kept."""
    job, patience = submit(), float(os.environ["WHARF_TEST_SECONDS"])
    begun = time.monotonic()
    while (found := ask(f"/api/v1/jobs/{job}"))["status"] not in ENDED:
        if time.monotonic() - begun > patience:
            fail(f"the job {job} is {found['status']} after {patience:g} s. Look at the pods of worker-ingest.")
        time.sleep(0.2)
    result = found["result"] or {}
    if found["status"] != "completed" or result.get("rows_read") != ROWS or result.get("inserted") != ROWS:
        fail(f"the job {job} ended as {found['status']}: {found['error'] or result}")
    sys.stdout.write(f"ok: {ROWS} rows imported in {result['seconds']} s\n")


if __name__ == "__main__":
    main()
