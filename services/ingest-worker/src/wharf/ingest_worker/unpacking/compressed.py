"""gzip, Zstandard, and zip archives with one file: unpacked as they are read, and not without bounds."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator

import pyarrow as pa

from wharf.common.errors import Invalid
from wharf.ingest_worker.reading import ByteSource
from wharf.ingest_worker.unpacking.forward import CHUNK_BYTES, as_file

MOST_TIMES = 250
"""A file may be so many times as large unpacked: text is seldom twenty times as large, a bomb is a thousand times."""
ALWAYS_BYTES = 64 * 2**20
"""Up to here no ratio is asked for."""
MOST_BYTES = 64 * 2**30
HIDDEN = ("__MACOSX/", ".DS_Store")
ENCRYPTED = 1
"""The bit of a zip entry's flags that says so."""


def gzip_chunks(source: ByteSource) -> Iterator[bytes]:
    """The text of a gzip file, of all its members. Raises `Invalid`: `damaged_file`, `truncated_file`."""
    unpacker, at = zlib.decompressobj(wbits=31), 0
    waiting = b""
    while waiting or at < source.size:
        packed = waiting or source.read(at, CHUNK_BYTES)
        at += 0 if waiting else len(packed)
        try:
            data = unpacker.decompress(packed, CHUNK_BYTES)
        except zlib.error as error:
            raise damaged("gzip") from error
        if data:
            yield data
        waiting = unpacker.unconsumed_tail
        if unpacker.eof:
            waiting = unpacker.unused_data.lstrip(b"\0")
            unpacker = zlib.decompressobj(wbits=31) if waiting or at < source.size else unpacker
    if not unpacker.eof:
        raise truncated("gzip")


def zstd_chunks(source: ByteSource) -> Iterator[bytes]:
    """The text of a Zstandard file. Raises `Invalid`: `damaged_file`, `truncated_file`."""
    try:
        with pa.CompressedInputStream(pa.PythonFile(as_file(source), mode="r"), "zstd") as stream:
            while data := stream.read(CHUNK_BYTES):
                yield data
    except OSError as error:
        raise (truncated if "truncated" in str(error).lower() else damaged)("Zstandard") from error


def zip_chunks(source: ByteSource) -> Iterator[bytes]:
    """The text of a zip archive's only file. Raises `Invalid`: `damaged_file`, `several_files`, `encrypted_file`."""
    try:
        with zipfile.ZipFile(as_file(source)) as archive, archive.open(only_member(archive)) as member:
            while data := member.read(CHUNK_BYTES):
                yield data
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise damaged("zip") from error


def only_member(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """The archive's only file; raises `Invalid` where there are more or none, or it is encrypted."""
    members = [m for m in archive.infolist() if not m.is_dir() and not any(h in m.filename for h in HIDDEN)]
    if len(members) != 1:
        names = ", ".join(member.filename for member in members[:10]) or "none"
        message = f"The archive must hold one file, and holds {len(members)}: {names}. Upload them one by one."
        raise Invalid(message, code="several_files")
    if members[0].flag_bits & ENCRYPTED:
        raise encrypted("archive")
    return members[0]


def bounded(chunks: Iterator[bytes], packed: int) -> Iterator[bytes]:
    """The same chunks as long as they are not far more than a file of `packed` bytes can mean.

    Raises `Invalid` (`unpacked_too_large`).
    """
    most = min(MOST_BYTES, max(ALWAYS_BYTES, MOST_TIMES * packed))
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if total > most:
            message = f"Unpacked the file has more than {most:,} bytes, {MOST_TIMES} times its size: that is no table."
            raise Invalid(message, code="unpacked_too_large")
        yield chunk


def damaged(kind: str) -> Invalid:
    """The error of a file that cannot be unpacked."""
    return Invalid(f"The {kind} file is damaged: it cannot be unpacked. Make it again.", code="damaged_file")


def truncated(kind: str) -> Invalid:
    """The error of a file that ends too early."""
    message = f"The {kind} file ends in the middle: its transfer may have been cut off. Upload it again."
    return Invalid(message, code="truncated_file")


def encrypted(what: str) -> Invalid:
    """The error of a file with a password."""
    return Invalid(f"The {what} is encrypted. Upload it without a password.", code="encrypted_file")
