"""The yardstick of submits: an endpoint that writes the file, inserts one row, calls `send_task`. For uvicorn."""

from __future__ import annotations

import os
import shutil
from http import HTTPStatus
from pathlib import Path
from typing import Any
from uuid import uuid4

from celery import Celery
from fastapi import FastAPI, UploadFile
from sqlalchemy import create_engine, text

from wharf.common.ledger.database import driver_url

QUEUE = "bare"
BROKER, DATABASE, FOLDER = "BENCH_BROKER_URL", "BENCH_DATABASE_URL", "BENCH_FOLDER"
CREATE = """
CREATE TABLE bare_uploads (
    id uuid PRIMARY KEY, file_name text NOT NULL, path text NOT NULL, size bigint NOT NULL,
    status text NOT NULL DEFAULT 'queued', created_at timestamptz NOT NULL DEFAULT now()
)
"""
DROP = "DROP TABLE IF EXISTS bare_uploads"
INSERT = text("INSERT INTO bare_uploads (id, file_name, path, size) VALUES (:id, :file_name, :path, :size)")


def create_app() -> FastAPI:
    """The application, from the environment of its process."""
    app = FastAPI()
    folder = Path(os.environ[FOLDER])
    engine = create_engine(driver_url(os.environ[DATABASE]))
    celery = Celery("bare", broker=os.environ[BROKER])

    @app.get("/livez")
    def alive() -> None:
        """Whether it serves."""

    @app.post("/uploads", status_code=HTTPStatus.ACCEPTED)
    def upload(file: UploadFile) -> dict[str, Any]:
        """Keep the file, its row and its message."""
        job_id = str(uuid4())
        path = folder / job_id
        with path.open("wb") as kept:
            shutil.copyfileobj(file.file, kept)
        row = {"id": job_id, "file_name": file.filename or "", "path": str(path), "size": file.size or 0}
        with engine.begin() as connection:
            connection.execute(INSERT, row)
        celery.send_task("bare.import", kwargs={"job_id": job_id}, queue=QUEUE, ignore_result=True)
        return {"job_id": job_id, "status": "queued"}

    return app
