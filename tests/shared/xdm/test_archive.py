"""A ZIP archive is read as its directory states it, and refused before it can do harm."""

import io
import os
import struct
import tracemalloc
import zipfile
import zlib

import pytest

from shared.xdm.archive import MAX_ENTRIES, Archive, read_archive
from shared.xdm.errors import ArchiveTooLargeError, EncryptedArchiveError, InvalidArchiveError, UnsafeNameError
from tests.infra.records.xdms import zip_of

LIMIT = 20 * 1024 * 1024
TEXT = b"Compte rendu\n" * 200


def contents(archive: Archive) -> dict[str, bytes]:
    return {entry.name: archive.read(entry) for entry in archive.entries.values()}


class Unseekable(io.RawIOBase):
    """An output that cannot go back, so that `zipfile` writes data descriptors, as Java does."""

    def __init__(self) -> None:
        self.written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        self.written += bytes(data)  # type: ignore[call-overload]  # a buffer
        return len(bytes(data))  # type: ignore[call-overload]


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_files_are_read_with_their_paths(compression: int) -> None:
    files = {"A/B.XML": TEXT, "LÉ.TXT": b"", "deep/er/x": os.urandom(5000)}
    archive = read_archive(zip_of(files, compression=compression), LIMIT)
    assert contents(archive) == files
    assert archive.expanded_size == len(TEXT) + 5000
    found = archive.find("a/b.xml")
    assert found is not None
    assert found.is_stored == (compression == zipfile.ZIP_STORED)


def test_data_descriptors_and_folders_are_read() -> None:
    output = Unseekable()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("folder/", b"")
        archive.writestr("folder/a.txt", TEXT)
        archive.comment = b"PK comment"
    body = bytes(output.written)
    assert b"PK\7\x08" in body
    assert contents(read_archive(body, LIMIT)) == {"folder/a.txt": TEXT}
    with pytest.raises(InvalidArchiveError, match="descriptor"):
        read_archive(body.replace(b"PK\7\x08", b"PK\7\x09"), LIMIT)


def test_backslashes_of_windows_separate_folders() -> None:
    assert contents(read_archive(zip_of({"IHE_XDM\\SUBSET01\\A.XML": TEXT}), LIMIT)) == {"IHE_XDM/SUBSET01/A.XML": TEXT}


@pytest.mark.parametrize(
    "name", ["../a", "a/../../b", "/etc/passwd", "C:/a", "..\\a", "\\a", "a\x01b", "a\nb", ".", "a/..", "C:a"]
)
def test_a_name_that_leads_out_is_refused(name: str) -> None:
    with pytest.raises(UnsafeNameError):
        read_archive(zip_of({name: TEXT}), LIMIT)


@pytest.mark.parametrize("names", [("a", "A"), ("é", "e\u0301"), ("a/b", "a\\B")])
def test_two_files_of_one_name_are_refused(names: tuple[str, str]) -> None:
    with pytest.raises(UnsafeNameError):
        read_archive(zip_of(dict.fromkeys(names, TEXT)), LIMIT)


@pytest.mark.parametrize("mode", [0o120777, 0o010644, 0o060644])
def test_links_and_devices_are_refused(mode: int) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo("link")
        info.create_system, info.external_attr = 3, mode << 16
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(UnsafeNameError):
        read_archive(buffer.getvalue(), LIMIT)


def test_an_encrypted_archive_is_refused() -> None:
    body = bytearray(zip_of({"a": TEXT}))
    at = body.index(b"PK\1\2")
    body[6] |= 1
    body[at + 8] |= 1
    with pytest.raises(EncryptedArchiveError):
        read_archive(bytes(body), LIMIT)


def test_bombs_are_refused_before_anything_is_unpacked() -> None:
    zeros = zip_of({"a": bytes(30_000_000)})
    assert len(zeros) < 40_000
    many = zip_of({str(number): b"" for number in range(MAX_ENTRIES + 1)})
    large = zip_of({str(number): os.urandom(1000) * 3 for number in range(100)}, compression=zipfile.ZIP_STORED)
    tracemalloc.start()
    for body, limit in ((zeros, LIMIT), (zeros, 10**9), (many, LIMIT), (large, 200_000)):
        with pytest.raises(ArchiveTooLargeError):
            read_archive(body, limit)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000


def test_an_entry_that_unpacks_to_more_than_stated_is_refused() -> None:
    body = zip_of({"a": bytes(900_000)})
    for stated in (1000, 899_999):
        lying = body.replace(struct.pack("<I", 900_000), struct.pack("<I", stated))
        archive = read_archive(lying, LIMIT)
        tracemalloc.start()
        with pytest.raises(InvalidArchiveError):
            archive.read(archive.entries["a"])
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 2 * stated + 100_000


def test_entries_that_overlap_are_refused() -> None:
    """The bomb of David Fifield: many headers of the directory name one compressed stream."""
    body = zip_of({"a": TEXT, "b": TEXT})
    at = body.index(b"PK\1\2", body.index(b"PK\1\2") + 1)
    lying = bytearray(body)
    lying[at + 42 : at + 46] = bytes(4)
    lying[at + 46 : at + 47] = b"a"
    with pytest.raises(InvalidArchiveError):
        read_archive(bytes(lying), LIMIT)
    quoted = bytearray(body)
    compressed = len(zlib.compress(TEXT, wbits=-15))
    for offset in (18, body.index(b"PK\1\2") + 20):
        quoted[offset : offset + 4] = struct.pack("<I", compressed + 40)
    with pytest.raises(InvalidArchiveError, match="overlap"):
        read_archive(bytes(quoted), LIMIT)


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"PK",
        b"not a zip" * 100,
        zip_of({"a": TEXT})[:-1],
        zip_of({"a": TEXT})[10:],
        b"#!/bin/sh\n" + zip_of({"a": TEXT}),
        zip_of({"a": TEXT}) + b"more",
        zip_of({"a": TEXT}).replace(b"PK\1\2", b"PK\1\3"),
        zip_of({"a": TEXT}).replace(b"PK\3\4", b"PK\3\5"),
        b"PK\5\6" + b"\xff" * 18,
        b"PK\5\6" + bytes(16) + b"\1\0",
    ],
)
def test_what_is_no_archive_is_refused(damaged: bytes) -> None:
    with pytest.raises(InvalidArchiveError):
        read_archive(damaged, LIMIT)


def test_another_compression_is_refused() -> None:
    with pytest.raises(InvalidArchiveError, match="deflated"):
        read_archive(zip_of({"a": TEXT}, compression=zipfile.ZIP_BZIP2), LIMIT)


def test_damaged_content_is_found() -> None:
    body = bytearray(zip_of({"a": TEXT}, compression=zipfile.ZIP_STORED))
    body[40] ^= 1
    archive = read_archive(bytes(body), LIMIT)
    with pytest.raises(InvalidArchiveError, match="checksum"):
        archive.read(archive.entries["a"])


def test_an_empty_archive_has_no_files() -> None:
    assert read_archive(zip_of({}), LIMIT).entries == {}
