"""Packages as tests order and fetch them."""

from __future__ import annotations

import hashlib
import io
from typing import Any

from wharf.local.trial import Job, Trial


def order(trial: Trial, package_type: str, project: str, **options: Any) -> str:
    """The id of a package's job."""
    wish = {"package_type": package_type, "project_id": project, "options": options}
    return str(trial.api.post("/api/v1/packages", json=wish).raise_for_status().json()["job_id"])


def made(trial: Trial, package_type: str, project: str, **options: Any) -> Job:
    """A package's job, completed."""
    job = trial.ended(order(trial, package_type, project, **options))
    assert job["status"] == "completed", job["error"]
    return job


def fetch(trial: Trial, job: Job, ending: str = ".xlsx") -> io.BytesIO:
    """The file with that ending, which is what the job says of it."""
    file = next(file for file in job["result"]["files"] if file["name"].endswith(ending))
    data = trial.api.get(f"/api/v1/packages/{job['job_id']}/files/{file['name']}").raise_for_status().content
    assert (len(data), hashlib.sha256(data).hexdigest()) == (file["size"], file["sha256"])
    return io.BytesIO(data)
