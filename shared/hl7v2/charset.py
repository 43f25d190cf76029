"""Decodes HL7 v2 messages, whatever character set they declare.

Source: HL7 v2.5.1, MSH-18 and table 0211. Many French senders declare 8859/15 and send UTF-8, so bytes that are valid
UTF-8 are UTF-8. No byte becomes a replacement character.
"""

from dataclasses import dataclass
from typing import Final

_UTF_8: Final = "utf-8"
_FALLBACK: Final = "iso8859-15"
"""The usual set of French senders; every byte has a meaning in it."""
_CODECS: Final = {
    "ASCII": "ascii",
    "UNICODE UTF-8": _UTF_8,
    **{f"8859/{part}": f"iso8859-{part}" for part in (*range(1, 12), *range(13, 17))},
}
_NAMES: Final = {codec: name for name, codec in _CODECS.items()}
_FIELDS_BEFORE_CHARSET: Final = 17


@dataclass(frozen=True, slots=True)
class DecodedText:
    """The text of a message, and the codec that decoded it."""

    text: str
    codec: str

    @property
    def name(self) -> str:
        """The name of the character set in table 0211."""
        return name_of(self.codec)


def name_of(codec: str) -> str:
    """Returns the name in table 0211 of a codec that decoded a message."""
    return _NAMES[codec]


def decode(raw: bytes) -> DecodedText:
    """Returns the text of a message: UTF-8 where its bytes are that, else in the set it declares, else in 8859/15."""
    for codec in (_UTF_8, _declared(raw)):
        try:
            return DecodedText(raw.decode(codec), codec)
        except UnicodeDecodeError:
            continue
    return DecodedText(raw.decode(_FALLBACK), _FALLBACK)


def _declared(raw: bytes) -> str:
    """Returns the codec of the first repetition of MSH-18, that of 8859/15 where it states none that is known."""
    line = raw[:4096].replace(b"\n", b"\r").partition(b"\r")[0]
    fields = line.split(line[3:4]) if line[3:4] else []
    if len(fields) <= _FIELDS_BEFORE_CHARSET:
        return _FALLBACK
    stated = fields[_FIELDS_BEFORE_CHARSET].decode("ascii", "ignore")
    for name, codec in _CODECS.items():
        if stated == name or (stated.startswith(name) and not stated[len(name)].isalnum()):
            return codec
    return _FALLBACK
