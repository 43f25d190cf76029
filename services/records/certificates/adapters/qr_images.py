"""Draws the QR codes of a card (segno): a segment in byte mode, then one in numeric mode.

Source: SMART Health Cards Framework 1.4, "Encoding QRs": version 22 at most, so that 40 mm can be read.
"""

import io
from typing import Final, Literal

import segno

from services.records.certificates.domain.qr_text import QrText

LARGEST_VERSION: Final = 22
_SCALE: Final = 4
"""Pixels of a module in PNG."""


def qr_image(code: QrText, kind: Literal["svg", "png"]) -> bytes:
    """Returns a code as a picture with its quiet zone, black on white."""
    picture = io.BytesIO()
    scale = 1 if kind == "svg" else _SCALE
    drawn(code).save(picture, kind=kind, scale=scale, border=4, dark="black", light="white")
    return picture.getvalue()


def drawn(code: QrText) -> segno.QRCode:
    """Returns the code, corrected as well as its size allows."""
    segments = [code.prefix, code.digits]  # lower case is byte mode, digits are numeric mode
    return segno.make_qr(segments, error="l", boost_error=True)  # type: ignore[arg-type]  # its stubs lack segments
