"""Recognises what a file is by its content, whatever its name, and takes the archives out of mails."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_BLANKS: Final = b"\xef\xbb\xbf \t\r\n"
_HEAD: Final = 1024
_ZIP: Final = b"PK\3\4"
_UTF_16_XML: Final = re.compile(rb"(?:\xff\xfe)?<\x00|(?:\xfe\xff)?\x00<")
_HL7_V2: Final = re.compile(rb"[\x0b\x1c\r\n]*(?:MSH|FHS|BHS)[^A-Za-z0-9\s]")
_MAIL: Final = re.compile(
    rb"(?:From |(?:Received|Return-Path|Delivered-To|From|To|Date|Subject|Message-ID|MIME-Version|X-[!-9;-~]{1,70}):)",
    re.IGNORECASE,
)
_BUNDLE: Final = re.compile(rb'"resourceType"\s*:\s*"Bundle"')
_MESSAGE: Final = re.compile(rb"(?:^|[\r\n\x0b\x1c])(?=MSH[^A-Za-z0-9\s])")


class Kind(StrEnum):
    """What a file, or a part of it, is."""

    CDA = "CDA"
    XDM = "XDM"
    BUNDLE = "FHIR"
    HL7_V2 = "HL7 v2"
    MAIL = "mail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Item:
    """Something to send: the content of a file, or a part of it. `number`: its place in the file, from 1."""

    kind: Kind
    content: bytes
    number: int = 1


def kind_of(content: bytes) -> Kind:
    """Returns the kind of a file by its first bytes; a Bundle by its resourceType too."""
    start = content[:_HEAD].lstrip(_BLANKS)
    if content.startswith(_ZIP):
        return Kind.XDM
    if _HL7_V2.match(start):
        return Kind.HL7_V2
    if start.startswith(b"<") or _UTF_16_XML.match(content):
        return Kind.CDA
    if start.startswith(b"{"):
        return Kind.BUNDLE if _BUNDLE.search(content) else Kind.UNKNOWN
    return Kind.MAIL if _MAIL.match(start) else Kind.UNKNOWN


def items_of(content: bytes) -> list[Item]:
    """Returns what is to be sent of a file: the archives of a mail, each message of HL7 v2, else the file itself.

    A mail without an archive is an item of its own, which no door takes.
    """
    kind = kind_of(content)
    match kind:
        case Kind.MAIL:
            archives = [Item(Kind.XDM, part, number) for number, part in enumerate(_archives(content), 1)]
            return archives or [Item(kind, content)]
        case Kind.HL7_V2:
            return [Item(kind, message, number) for number, message in enumerate(_messages(content), 1)]
        case _:
            return [Item(kind, content)]


def _archives(mail: bytes) -> Iterator[bytes]:
    """Yields the attachments of a mail, and of mails attached to it, that are ZIP archives."""
    from email import message_from_bytes
    from email.message import Message

    for part in message_from_bytes(mail.lstrip(_BLANKS)).walk():
        payload = None if part.is_multipart() else part.get_payload(decode=True)
        assert isinstance(part, Message)
        if isinstance(payload, bytes) and payload.startswith(_ZIP):
            yield payload


def _messages(content: bytes) -> list[bytes]:
    """Returns the messages of a file, without its framing (MLLP, batch headers) and with CR after each segment."""
    starts = [match.end() for match in _MESSAGE.finditer(content)]
    ends = [*starts[1:], len(content)]
    return [_plain(content[start:end]) for start, end in zip(starts, ends, strict=True)] or [content]


def _plain(message: bytes) -> bytes:
    segments = re.split(rb"[\r\n\x0b\x1c]+", message)
    kept = (segment for segment in segments if segment and segment[:3] not in (b"FHS", b"BHS", b"BTS", b"FTS"))
    return b"\r".join(kept) + b"\r"
