"""What pages load: stylesheet, scripts, icon. Read once; addresses hold a hash of all, so browsers may keep them."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Annotated, Final

from fastapi import APIRouter, Header, Response

from wharf.common.errors import NotFound

router = APIRouter(tags=["console"])
MEDIA: Final = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
                ".txt": "text/plain; charset=utf-8"}  # fmt: skip
KEEP = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file, as it is and compressed."""

    media_type: str
    plain: bytes
    packed: bytes

    @classmethod
    def of(cls, file: Traversable) -> Asset:
        """That file, whose kind its name tells."""
        text = file.read_bytes()
        return cls(MEDIA["." + file.name.rpartition(".")[2]], text, gzip.compress(text, mtime=0))

    def answer(self, accept_encoding: str, *, keep: bool) -> Response:
        """As the client takes it; it may be kept where its address changes with it."""
        headers = {"Cache-Control": KEEP if keep else "no-store", "Vary": "Accept-Encoding"}
        if "gzip" in accept_encoding:
            return Response(self.packed, headers=headers | {"Content-Encoding": "gzip"}, media_type=self.media_type)
        return Response(self.plain, headers=headers, media_type=self.media_type)


def _read() -> dict[str, Asset]:
    files = (resources.files("wharf.gateway.console") / "static").iterdir()
    return {file.name: Asset.of(file) for file in sorted(files, key=lambda file: file.name)}


ASSETS: Final = _read()
BUILD: Final = hashlib.sha256(b"".join(asset.plain for asset in ASSETS.values())).hexdigest()[:12]


def address_of(name: str) -> str:
    """Where pages find it; modules that load each other stay within one build."""
    return f"/static/{BUILD}/{name}"


@router.get("/static/{build}/{name}")
def asset(build: str, name: str, accept_encoding: Annotated[str, Header()] = "") -> Response:
    """One of them; of another build it is what it is now, and may not be kept."""
    found = ASSETS.get(name)
    if found is None:
        message = "There is no such file."
        raise NotFound(message)
    return found.answer(accept_encoding, keep=build == BUILD)
