"""Verifies a copy with the published keys alone: its signature, every file, and every byte around the files."""

import hashlib
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import BinaryIO, Final

from pydantic import ValidationError

from services.records.exports.domain.archive import ArchivedFile, directory, local_header
from services.records.exports.domain.manifest import MANIFEST, SIGNATURE, SIGNATURE_KIND, ListedFile, Manifest
from shared.crypto.signatures import SignatureInvalidError, check_detached

LARGEST_MANIFEST: Final = 256 * 1024 * 1024
_LARGEST_SIGNATURE: Final = 16 * 1024
_CHUNK: Final = 1024 * 1024
DIRECTORY_CHANGED: Final = "archive: its directory was changed, or something stands behind it"
_UNREADABLE: Final = (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, ValueError, KeyError)
"""What `zipfile` raises for an archive that it cannot read, or for a file that it does not have."""


def verify_archive(file: BinaryIO, published: object, note: Callable[[Manifest], None]) -> Iterator[str]:
    """Yields what is wrong with an archive, a sentence each; `published`: the public keys (a JWK Set). Where nothing
    is, `note` gets the manifest."""
    try:
        archive = zipfile.ZipFile(file)
        rendered, signature = _read(archive, MANIFEST, LARGEST_MANIFEST), _read(archive, SIGNATURE, _LARGEST_SIGNATURE)
    except _UNREADABLE:
        yield "archive: it cannot be read, or has no manifest with a signature"
        return
    manifest = _signed(rendered, signature, published)
    if manifest is None:
        yield "signature: none of the published keys has signed this manifest"
        return
    opening = [_digest(MANIFEST, rendered), _digest(SIGNATURE, signature)]
    problems = list(_problems(file, archive, [*opening, *manifest.files], manifest.made_at))
    yield from problems
    if not problems:
        note(manifest)


def _signed(rendered: bytes, signature: bytes, published: object) -> Manifest | None:
    """Returns the manifest; None where no published key has signed it."""
    try:
        check_detached(signature.decode("ascii"), rendered, published, SIGNATURE_KIND)
        return Manifest.model_validate_json(rendered)
    except (SignatureInvalidError, ValidationError, UnicodeDecodeError):
        return None


def _problems(
    file: BinaryIO, archive: zipfile.ZipFile, expected: Sequence[ListedFile], made_at: datetime
) -> Iterator[str]:
    """Compares byte for byte where names and sizes are those of the manifest; else file by file, by their names."""
    listed = [(info.filename, info.file_size) for info in archive.infolist()]
    if listed == [(each.name, each.size) for each in expected]:
        yield from _byte_for_byte(file, expected, made_at)
    else:
        yield from list(_by_name(archive, expected)) or [DIRECTORY_CHANGED]


def _by_name(archive: zipfile.ZipFile, expected: Sequence[ListedFile]) -> Iterator[str]:
    names, listed = archive.namelist(), [each.name for each in expected]
    present, signed = set(names), set(listed)
    yield from (f"{name}: it is missing" for name in listed if name not in present)
    yield from (f"{name!a}: it is not in the manifest" for name in names if name not in signed)
    if present == signed and names != listed:
        yield "archive: its files are not in the order of the manifest, or one is there more than once"
    yield from (f"{each.name}: it was changed" for each in expected if each.name in present and _differs(archive, each))


def _byte_for_byte(file: BinaryIO, expected: Sequence[ListedFile], made_at: datetime) -> Iterator[str]:
    """Compares the whole archive, from its first byte to its last, with the one that the manifest describes."""
    file.seek(0)
    files: list[ArchivedFile] = []
    for each in expected:
        head = file.read(len(local_header(ArchivedFile(each.name, each.size, 0), made_at)))
        digest, crc = _hashed(file, each.size)
        files.append(ArchivedFile(each.name, each.size, crc))
        if digest != each.sha256:
            yield f"{each.name}: it was changed"
        elif head != local_header(files[-1], made_at):
            yield f"{each.name}: what stands before it in the archive was changed"
    end = directory(files, made_at)
    if file.read(len(end) + 1) != end:
        yield DIRECTORY_CHANGED


def _hashed(file: BinaryIO, size: int) -> tuple[str, int]:
    """Reads that many bytes; returns their SHA-256 and their CRC-32."""
    digest, crc = hashlib.sha256(), 0
    while size > 0 and (chunk := file.read(min(size, _CHUNK))):
        digest.update(chunk)
        crc, size = zlib.crc32(chunk, crc), size - len(chunk)
    return digest.hexdigest(), crc


def _differs(archive: zipfile.ZipFile, expected: ListedFile) -> bool:
    try:
        with archive.open(expected.name) as content:
            digest, left = hashlib.sha256(), expected.size + 1
            while left > 0 and (chunk := content.read(min(left, _CHUNK))):
                digest.update(chunk)
                left -= len(chunk)
    except _UNREADABLE:
        return True
    return digest.hexdigest() != expected.sha256


def _read(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """Returns the bytes of a file that is stored, not compressed. Raises ValueError for another one."""
    info = archive.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED or info.file_size > most:
        raise ValueError(name)
    return archive.read(info)


def _digest(name: str, content: bytes) -> ListedFile:
    return ListedFile(name=name, size=len(content), sha256=hashlib.sha256(content).hexdigest())
