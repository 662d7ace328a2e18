"""`wharf package`: have files for people made of the loaded rows, and fetch them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wharf.client.api import WharfClient
from wharf.client.commands.access import AsJson, client, watch_to_the_end
from wharf.client.commands.upload import Priority
from wharf.client.figures import size
from wharf.client.table import print_json


def package(
    package_type: Annotated[str, typer.Argument(metavar="TYPE", help="Such as transactions_report.")],
    *,
    formats: Annotated[str, typer.Option("--format", help="xlsx, pdf, or both with a comma.")] = "xlsx",
    project: Annotated[str | None, typer.Option(help="The project whose data it shows.")] = None,
    out: Annotated[
        Path | None, typer.Option(file_okay=False, help="Wait for the files, and put them into this folder.")
    ] = None,
    locale: Annotated[str | None, typer.Option(help="How numbers and dates are written, such as de.")] = None,
    section: Annotated[list[str] | None, typer.Option(help="Only this section. May be repeated.")] = None,
    force: Annotated[bool | None, typer.Option("--force", help="Make it anew, even if it was made before.")] = None,
    priority: Annotated[Priority | None, typer.Option(help="How soon.")] = None,
    watch: Annotated[bool, typer.Option(help="Stay and show the progress; exit code 1 when the job fails.")] = False,
    as_json: AsJson = False,
) -> None:
    """Have a package made: a workbook, a PDF, or both."""
    with client() as wharf:
        answer = wharf.make_package(
            package_type,
            project_id=project,
            formats=[name.strip() for name in formats.split(",")],
            priority=priority,
            locale=locale,
            sections=section,
            force=force,
        )
        if as_json:
            print_json(answer)
        elif not (watch or out):
            typer.echo(f"Job {answer['job_id']} is {answer['status']}. Watch it: wharf jobs watch {answer['job_id']}")
        if watch or out:
            watch_to_the_end(wharf, answer["job_id"])
        if out:
            save_files(wharf, answer["job_id"], out)


def save_files(wharf: WharfClient, job_id: str, folder: Path) -> list[Path]:
    """Put a package's files into a folder, which is made where there is none; says where each is."""
    folder.mkdir(parents=True, exist_ok=True)
    saved = []
    for file in wharf.package_files(job_id):
        path = folder / Path(file["name"]).name
        wharf.save_package_file(job_id, file["name"], path)
        typer.echo(f"{path} ({size(path.stat().st_size)})")
        saved.append(path)
    return saved
