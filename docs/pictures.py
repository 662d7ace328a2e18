"""`make pictures`: pages of real packages, made of the sample data on a stack of its own, as small PNGs in docs/images.

Needs poppler (pdftoppm) and LibreOffice with Calc, which draws the workbook's page.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from pypdf import PdfReader

from wharf.client.api import WharfClient
from wharf.local.samples import write_assets, write_transactions
from wharf.local.stack import LocalStack

IMAGES = Path(__file__).parent / "images"
DPI, COLOURS, LARGEST = 80, 48, 150_000
"""Dots per inch, colours of the palette, bytes of a picture."""


@dataclass(frozen=True)
class Picture:
    """A page of a package, by its number, or by the section with which it begins and the pages after that."""

    name: str
    package_type: str
    section: str | None = None
    page: int = 0
    workbook: bool = False
    """The first page of the workbook instead, as LibreOffice prints it."""


PICTURES = (
    Picture("cover", "transactions_report"),
    Picture("contents", "transactions_report", page=1),
    Picture("chart", "transactions_report", "Totals by category"),
    Picture("table", "transactions_report", "All transactions"),
    Picture("datasheet", "asset_register", "Datasheets", page=1),
    Picture("workbook", "transactions_report", workbook=True),
)
# Nothing of 20,000 rows where LibreOffice prints the whole workbook
SHOWN = {".xlsx": ["by_month", "by_category", "by_store"], ".pdf": None}
SAMPLES: tuple[tuple[str, Callable[..., object], int], ...] = (
    ("transactions", write_transactions, 20_000),
    ("assets", write_assets, 200),
)


def main() -> None:
    """Draw them all."""
    for tool in ("pdftoppm", "soffice"):
        if shutil.which(tool) is None:
            sys.exit(
                f"There is no {tool} here. On Debian or Ubuntu: apt-get install poppler-utils libreoffice-calc-nogui"
            )
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = packages(folder)
        for picture in PICTURES:
            draw(picture, made[picture.package_type, ".xlsx" if picture.workbook else ".pdf"], folder)


def packages(folder: Path) -> dict[tuple[str, str], Path]:
    """The file of each package, by its type and ending."""
    wanted = {(picture.package_type, ".xlsx" if picture.workbook else ".pdf") for picture in PICTURES}
    with (
        LocalStack(folder / "stack", port=0, discard=True) as stack,
        WharfClient(stack.connection.url, stack.connection.api_key) as wharf,
    ):
        for profile, write, rows in SAMPLES:
            write(folder / f"{profile}.csv", rows, seed=7, bad=0)
            wharf.wait(wharf.upload(folder / f"{profile}.csv", profile=profile)["job_id"])
        return {(name, ending): made(wharf, name, ending, folder) for name, ending in wanted}


def made(wharf: WharfClient, package_type: str, ending: str, folder: Path) -> Path:
    """One package's file."""
    job_id = wharf.make_package(package_type, formats=[ending[1:]], sections=SHOWN[ending])["job_id"]
    wharf.wait(job_id)
    [file] = wharf.package_files(job_id)
    path = folder / str(file["name"])
    wharf.save_package_file(job_id, path.name, path)
    return path


def draw(picture: Picture, path: Path, folder: Path) -> None:
    """One page as a PNG of few colours."""
    path = printed(path, folder) if picture.workbook else path
    number = str(page_of(picture, path) + 1)
    out = folder / picture.name
    subprocess.run(
        ["pdftoppm", "-r", str(DPI), "-f", number, "-l", number, "-png", "-singlefile", path, out], check=True
    )
    target = IMAGES / f"package-{picture.name}.png"
    with Image.open(out.with_suffix(".png")) as image:
        image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(target, optimize=True)
    if target.stat().st_size > LARGEST:
        sys.exit(f"{target} has {target.stat().st_size:,} bytes: more than {LARGEST:,}.")
    print(f"{target.relative_to(IMAGES.parent)}: {target.stat().st_size:,} bytes")


def printed(book: Path, folder: Path) -> Path:
    """A workbook as LibreOffice prints it."""
    command = ["soffice", "--headless", f"-env:UserInstallation=file://{folder}/home", "--convert-to", "pdf"]
    subprocess.run([*command, "--outdir", folder / "printed", book], check=True, capture_output=True)
    return folder / "printed" / f"{book.stem}.pdf"


def page_of(picture: Picture, path: Path) -> int:
    """The page's number in the file, from 0."""
    if picture.section is None:
        return picture.page
    reader = PdfReader(path)
    entries = [entry for entry in reader.outline if not isinstance(entry, list)]
    entry = next(entry for entry in entries if str(entry.title).endswith(picture.section))
    return (reader.get_destination_page_number(entry) or 0) + picture.page


if __name__ == "__main__":
    main()
