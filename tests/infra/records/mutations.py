"""Spoils archives and CDAs at random, and again the same way from the same seed."""

import random
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from uuid import UUID

from tests.infra.load.documents import Person
from tests.infra.records.cdas import a_cda
from tests.infra.records.xdms import XdmDocument, a_pdf, an_archive, metadata_of, zip_of

PERSON = Person(75)
_IDS = [UUID(int=0x8000 << 64 | 0x4000 << 48 | number) for number in range(1, 5)]
_TOKENS = (
    *(
        b"\0",
        b"\xff\xfe",
        b"\xfe\xff",
        b"\xef\xbb\xbf",
        b"<",
        b">",
        b"&",
        b'"',
        b"]]>",
        b"<![CDATA[",
        b"<!--",
        b"<?a?>",
    ),
    *(b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"&b;", b"&#0;", b"&#x110000;", b"\xed\xa0\x80", b"../", b"\\..\\", b"%00"),
    *(b"PK\3\4", b"PK\1\2", b"PK\5\6", b"PK\6\6", b"PK\7\x08", b"\xff\xff\xff\xff", b"99999999999999999999", b"-1"),
    *(b"^", b"|", b"~", b"\\S\\", b"urn:oid:", b"xmlns=''", b"<a>" * 300, b"A" * 10_000, b" " * 1000),
)
_NAMES = ("../x", "/etc/passwd", "C:\\x", "IHE_XDM/SUBSET01/METADATA.XML", "a" * 70_000, "\u202e", "IHE_XDM//x/", "é")
_SLOTS = (
    *("creationTime", "hash", "size", "languageCode", "serviceStartTime", "serviceStopTime", "URI"),
    *("sourcePatientId", "sourcePatientInfo", "legalAuthenticator"),
)
_TEXTS = (
    *("", " ", "^" * 50, "&&&", "PID-5|^^^^^^L", "PID-7|99999999", "0", "20261301", "1|DOC", "2|0001.XML", "%2e%2e/x"),
    "PID-3|1^^^&1.2.250.1.213.1.4.8&ISO",
)


def _bases() -> tuple[XdmDocument, ...]:
    first, second, third = _IDS[:3]
    return (
        XdmDocument(a_cda(PERSON, first), PERSON, str(first)),
        XdmDocument(a_cda(PERSON, second, replaces=_IDS[3]), PERSON, str(second), file="DOC0003.XML", replaces=True),
        a_pdf(PERSON, third),
    )


BASES = _bases()


def spoil(source: random.Random, content: bytes) -> bytes:
    """Returns the bytes with one to eight faults."""
    spoiled = bytearray(content)
    for _ in range(source.choice((1, 1, 1, 2, 4, 8))):
        at, length = source.randrange(len(spoiled) + 1), source.choice((1, 2, 4, 8, 40, 400))
        match source.randrange(7):
            case 0:
                spoiled[at : at + 1] = bytes([source.randrange(256)])
            case 1:
                del spoiled[at : at + length]
            case 2:
                spoiled[at:at] = source.choice(_TOKENS)
            case 3:
                spoiled[at : at + length] = source.choice(_TOKENS)
            case 4:
                spoiled[at:at] = spoiled[at : at + length] * source.choice((1, 2, 50))
            case 5:
                other = source.randrange(len(spoiled) + 1)
                spoiled[at:at] = spoiled[other : other + length]
            case _:
                spoiled[at : at + 4] = source.choice((0, 1, 0x7FFFFFFF, 0xFFFFFFFF)).to_bytes(4, "little")
    return bytes(spoiled)


def spoiled_cda(source: random.Random) -> bytes:
    """Returns a CDA with faults."""
    return spoil(source, source.choice(BASES[:2]).content)


def spoiled_archive(source: random.Random) -> bytes:
    """Returns an archive with faults in its ZIP, its metadata, its names or its CDAs."""
    documents = list(source.sample(BASES, source.randrange(1, len(BASES) + 1)))
    compression = source.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    return source.choice(_WAYS)(source, documents, compression)


def _zip(source: random.Random, documents: Sequence[XdmDocument], compression: int) -> bytes:
    return spoil(source, an_archive(*documents, compression=compression))


def _metadata(source: random.Random, documents: Sequence[XdmDocument], compression: int) -> bytes:
    text = metadata_of(documents)
    encoding = source.choice(("utf-8", "utf-8", "utf-8", "utf-16", "utf-16-le"))
    return an_archive(*documents, metadata=spoil(source, text.encode(encoding)), compression=compression)


def _content(source: random.Random, documents: Sequence[XdmDocument], compression: int) -> bytes:
    spoiled = [replace(document, content=spoil(source, document.content)) for document in documents]
    return an_archive(*spoiled, compression=compression)


def _file(source: random.Random, documents: Sequence[XdmDocument], compression: int) -> bytes:
    """The metadata name the file as it was before it was spoiled."""
    files = {f"IHE_XDM/SUBSET01/{document.file}": document.content for document in documents}
    files["IHE_XDM/SUBSET01/METADATA.XML"] = metadata_of(documents).encode()
    name = source.choice(sorted(files))
    files[name] = spoil(source, files[name])
    files[source.choice(_NAMES)[:65_000]] = b"x" * source.choice((0, 10, 100_000))
    return zip_of(files, compression=compression)


def _slots(source: random.Random, documents: Sequence[XdmDocument], compression: int) -> bytes:
    changed = [
        replace(
            document,
            slots={name: source.choice((None, source.choices(_TEXTS, k=3))) for name in source.sample(_SLOTS, 2)},
        )
        for document in documents
    ]
    return an_archive(*changed, compression=compression)


_WAYS: tuple[Callable[[random.Random, Sequence[XdmDocument], int], bytes], ...] = (
    *(_zip, _zip, _metadata, _metadata, _metadata, _content, _file, _slots),
)
