"""A copy is genuine as it was made; whatever is changed in it, even beside its files, is refused and named."""

import io
import random
import zipfile

import pytest

from services.records.exports.domain.manifest import MANIFEST, SIGNATURE, Manifest
from shared.crypto.signatures import SignatureKeys
from tests.infra.records.exports import FACTS, KEYS, MADE_AT, PUBLISHED, an_archive, archived, file_of, problems
from tests.infra.records.records_api import SIGNATURES

CONTENTS = (b"<ClinicalDocument/>", b"a letter, second page", b"\x00\x01 an image")
ARCHIVE = an_archive(*CONTENTS)
OTHER_KEYS = SignatureKeys.parse(SIGNATURES.replace('"kid": "copies"', '"kid": "other"'))


def contents_of(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as read:
        return {name: read.read(name) for name in read.namelist()}


def changed(**bodies: bytes | None) -> bytes:
    """Returns the archive with other bodies, by the name before the dot; None: without the file."""
    files: dict[str, bytes] = {}
    for name, body in contents_of(ARCHIVE).items():
        new = bodies.get(name.rpartition("/")[2].partition(".")[0], body)
        if new is not None:
            files[name] = new
    return put_together(files)


def put_together(files: dict[str, bytes]) -> bytes:
    return archived([file_of(name, body) for name, body in files.items()], list(files.values()))


@pytest.mark.parametrize("contents", [(), CONTENTS, (b"",)])
def test_a_copy_as_it_was_made_is_genuine(contents: tuple[bytes, ...]) -> None:
    manifests: list[Manifest] = []
    assert problems(an_archive(*contents), note=manifests.append) == []
    [manifest] = manifests
    assert (manifest.export_id, manifest.record_id, manifest.requester) == (FACTS.export_id, FACTS.record_id, "patient")
    assert (manifest.made_at, manifest.documents) == (MADE_AT, len(contents))


def test_a_changed_byte_anywhere_is_refused() -> None:
    chance = random.Random(20)
    for position in chance.sample(range(len(ARCHIVE)), 600):
        byte = ARCHIVE[position] ^ 1 << chance.randrange(8)
        assert problems(ARCHIVE[:position] + bytes([byte]) + ARCHIVE[position + 1 :]), position


def test_every_byte_beside_the_files_counts() -> None:
    """Heads and the directory: what no program shows, and no hash of a file covers."""
    with zipfile.ZipFile(io.BytesIO(ARCHIVE)) as read:
        heads = [info.header_offset for info in read.infolist()]
        end = read.start_dir
    for position in (*(head + place for head in heads for place in range(30)), *range(end, len(ARCHIVE))):
        byte = ARCHIVE[position] ^ 0x40
        assert problems(ARCHIVE[:position] + bytes([byte]) + ARCHIVE[position + 1 :]), position


FILES = contents_of(ARCHIVE)
ALTERED = {
    "a document was changed": (changed(**{"2": b"a letter, another page"}), ["documents/2.txt: it was changed"]),
    "of the same length": (changed(**{"2": b"a letter, SECOND page"}), ["documents/2.txt: it was changed"]),
    "two were": (
        changed(**{"1": b"x", "3": b"y"}),
        ["documents/1.txt: it was changed", "documents/3.txt: it was changed"],
    ),
    "a document is missing": (changed(**{"2": None}), ["documents/2.txt: it is missing"]),
    "the page is missing": (changed(index=None), ["index.html: it is missing", "index.en.html: it is missing"]),
    "a file was added": (
        put_together({**FILES, "documents/4.txt": b"more"}),
        ["'documents/4.txt': it is not in the manifest"],
    ),
    "the files are in another order": (
        put_together(dict(reversed(FILES.items()))),
        ["archive: its files are not in the order of the manifest, or one is there more than once"],
    ),
    "something stands behind it": (
        ARCHIVE + b"\n",
        ["archive: its directory was changed, or something stands behind it"],
    ),
    "the manifest was changed": (
        changed(manifest=FILES[MANIFEST].replace(b'"documents": 3', b'"documents": 2')),
        ["signature: none of the published keys has signed this manifest"],
    ),
    "the signature is another one": (
        put_together({**FILES, SIGNATURE: contents_of(an_archive(b"other"))[SIGNATURE]}),
        ["signature: none of the published keys has signed this manifest"],
    ),
    "the manifest is missing": (
        put_together({name: body for name, body in FILES.items() if name != MANIFEST}),
        ["archive: it cannot be read, or has no manifest with a signature"],
    ),
    "it was cut": (ARCHIVE[: len(ARCHIVE) // 2], ["archive: it cannot be read, or has no manifest with a signature"]),
    "it is none": (b"no archive", ["archive: it cannot be read, or has no manifest with a signature"]),
    "it is empty": (b"", ["archive: it cannot be read, or has no manifest with a signature"]),
}  # fmt: skip


@pytest.mark.parametrize("case", ALTERED)
def test_what_was_altered_is_named_line_by_line(case: str) -> None:
    archive, expected = ALTERED[case]
    assert problems(archive) == expected


def test_a_compressed_archive_of_the_same_files_is_not_the_one_that_was_signed() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as written:
        for name, body in FILES.items():
            written.writestr(name, body)
    assert problems(packed.getvalue())


def test_keys_that_are_not_published_vouch_for_nothing() -> None:
    unsigned = ["signature: none of the published keys has signed this manifest"]
    assert problems(an_archive(*CONTENTS, keys=OTHER_KEYS)) == unsigned
    assert problems(ARCHIVE, {"keys": []}) == unsigned


def test_the_same_documents_make_the_same_bytes() -> None:
    assert an_archive(*CONTENTS) == ARCHIVE
    assert problems(ARCHIVE, PUBLISHED) == []
    assert KEYS.public_jwks() == PUBLISHED["keys"]
