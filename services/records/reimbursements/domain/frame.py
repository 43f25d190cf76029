"""The frame of a file: what its sender says that it holds, so that a file that was cut or altered takes nothing.

It stands beside the file, as `FILE.frame.json`: `{"lines": 3, "amount_paid": "75.90", "amount_reimbursed": "52.00",
"sha256": "<64 hexadecimal digits>"}`. The digest is that of the file as it was sent, compressed or not; the sums are
those of all amounts that are numbers.
"""

import re
from dataclasses import dataclass

import orjson

from services.records.reimbursements.domain.line_errors import AmountError
from services.records.reimbursements.domain.parsing import parse_cents
from shared.errors import InvalidError

_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


class FrameInvalidError(InvalidError):
    """The frame FILE.frame.json is missing or cannot be read. Nothing was taken."""

    code = "frame-invalid"
    french = "Le cadre FILE.frame.json manque ou n’est pas lisible. Rien n’a été pris."


class FrameMismatchError(InvalidError):
    """The file is not what its frame says: another digest, number of lines or sum of amounts. Nothing was taken."""

    code = "frame-mismatch"
    french = (
        "Le fichier n’est pas celui de son cadre : empreinte, nombre de lignes ou sommes diffèrent. Rien n’a été pris."
    )


@dataclass(frozen=True, slots=True)
class Frame:
    """The number of lines, the sums of both amounts in cents, and the SHA-256 of the file."""

    lines: int
    amount_paid: int
    amount_reimbursed: int
    sha256: bytes


def parse_frame(data: bytes) -> Frame:
    """Returns the frame from its JSON. Raises FrameInvalidError."""
    try:
        stated = orjson.loads(data)
        lines, digest = stated["lines"], stated["sha256"].lower()
        paid, reimbursed = parse_cents(stated["amount_paid"]), parse_cents(stated["amount_reimbursed"])
    except (ValueError, TypeError, KeyError, AttributeError, AmountError) as error:
        raise FrameInvalidError from error
    is_count = isinstance(lines, int) and not isinstance(lines, bool) and lines >= 0
    if not is_count or paid is None or reimbursed is None or _DIGEST.fullmatch(digest) is None:
        raise FrameInvalidError
    return Frame(lines, paid, reimbursed, bytes.fromhex(digest))


def check_frame(stated: Frame, counted: Frame) -> None:
    """Raises FrameMismatchError, which names what differs and no content."""
    differing = [name for name in Frame.__slots__ if getattr(stated, name) != getattr(counted, name)]
    if differing:
        raise FrameMismatchError(f"The frame differs in: {', '.join(differing)}. Nothing was taken.")
