"""Reads HL7 v2 messages in ER7 encoding, lazily: a segment is split when one of its fields is asked for.

Sources: HL7 v2.5.1 chapter 2 (delimiters 2.5.4, escapes 2.7, MSH 2.15.9). Written by hand: the libraries take 100 to
3,000 times as long and refuse official French messages. Absent segments, fields, components and the HL7 null (`""`)
all read as the empty text.
"""

import re
from collections.abc import Iterator
from typing import Final

from shared.errors import InvalidError
from shared.hl7v2 import charset

_DEFAULTS: Final = "^~\\&"
_SEGMENT: Final = re.compile(r"[A-Z][A-Z0-9]{2}", re.ASCII)
_NULL: Final = '""'


class UnreadableMessageError(InvalidError):
    """This is not an HL7 v2 message: it must begin with MSH and its delimiters."""

    code = "hl7-unreadable"
    french = "Ce n’est pas un message HL7 v2 : il commence par MSH et ses séparateurs."


class Segment:
    """A segment. Fields, components, subcomponents and repetitions count from 1, as in the standard."""

    __slots__ = ("_fields", "_message", "_text", "name")

    def __init__(self, message: "Message", name: str, text: str) -> None:
        self.name = name
        self._message = message
        self._text = text
        self._fields: list[str] | None = None

    def field(self, number: int) -> str:
        """Returns a whole field as it stands, with delimiters and escapes."""
        fields = self._split()
        return fields[number] if number < len(fields) else ""

    def repetitions(self, number: int) -> int:
        """Returns the number of repetitions of a field; 0 where it is empty."""
        field = self.field(number)
        return field.count(self._message.repetition) + 1 if field else 0

    def raw(self, number: int, component: int = 1, repetition: int = 1) -> str:
        """Returns a component as it stands, with its escapes."""
        message = self._message
        return _part(_part(self.field(number), message.repetition, repetition), message.component, component)

    def value(self, number: int, component: int = 1, repetition: int = 1, subcomponent: int = 1) -> str:
        """Returns the text of a subcomponent without its escapes; the null is the empty text."""
        text = _part(self.raw(number, component, repetition), self._message.subcomponent, subcomponent)
        return "" if text == _NULL else self._message.unescape(text)

    def _split(self) -> list[str]:
        if self._fields is None:
            self._fields = self._text.split(self._message.separator)
            if self.name == "MSH":
                self._fields.insert(1, self._message.separator)
        return self._fields


class Message:
    """A message of one or more segments, of which the first is MSH.

    The delimiters are those that MSH-1 and MSH-2 state. Lines may end with CR, LF or both; a line that does not begin
    with the name of a segment goes on with the one before, because some senders break base64.
    """

    __slots__ = ("codec", "component", "escape", "repetition", "segments", "separator", "subcomponent")

    def __init__(self, text: str, codec: str = "utf-8") -> None:
        """Reads the text. `codec`: the one that decoded it, for hexadecimal escapes. Raises UnreadableMessageError."""
        text = text.lstrip("\r\n")
        if not text.startswith("MSH") or len(text) <= len("MSH|"):
            raise UnreadableMessageError
        self.codec = codec
        self.separator = text[3]
        stated = text[4:].partition(self.separator)[0]
        if not self._is_delimiter(self.separator) or not all(map(self._is_delimiter, stated)) or not stated:
            raise UnreadableMessageError
        delimiters = stated[: len(_DEFAULTS)] + _DEFAULTS[len(stated) :]
        self.component, self.repetition, self.escape, self.subcomponent = tuple(delimiters)
        if len({self.separator, *delimiters}) <= len(_DEFAULTS):
            raise UnreadableMessageError
        self.segments = tuple(Segment(self, line[:3], line) for line in self._lines(text))

    def all(self, name: str) -> list[Segment]:
        """Returns the segments of this name."""
        return [segment for segment in self.segments if segment.name == name]

    def first(self, name: str) -> Segment:
        """Returns the first segment of this name, an empty one where there is none."""
        return next((segment for segment in self.segments if segment.name == name), Segment(self, name, name))

    @classmethod
    def of(cls, raw: bytes) -> "Message":
        """Returns the message of these bytes, whatever character set they declare. Raises UnreadableMessageError."""
        decoded = charset.decode(raw)
        return cls(decoded.text, decoded.codec)

    @property
    def header(self) -> Segment:
        """The segment MSH."""
        return self.segments[0]

    def unescape(self, text: str) -> str:
        """Returns the text without escapes: delimiters, hexadecimal bytes and line breaks; formatting is dropped."""
        if self.escape not in text:
            return text
        pieces = text.split(self.escape)
        plain = [pieces[0]]
        for index in range(1, len(pieces), 2):
            if index + 1 == len(pieces):  # an escape that is not closed is text
                plain.append(self.escape + pieces[index])
                break
            plain += [self._escaped(pieces[index]), pieces[index + 1]]
        return "".join(plain)

    def _escaped(self, sequence: str) -> str:
        delimiters = {
            "F": self.separator,
            "S": self.component,
            "T": self.subcomponent,
            "R": self.repetition,
            "E": self.escape,
            ".br": "\n",
        }
        if sequence in delimiters:
            return delimiters[sequence]
        if sequence.startswith("X"):
            try:
                return bytes.fromhex(sequence[1:]).decode(self.codec)
            except ValueError:
                return ""
        return ""

    def _lines(self, text: str) -> Iterator[str]:
        """Yields one text for each segment."""
        pending: list[str] = []
        for line in text.replace("\r\n", "\r").replace("\n", "\r").split("\r"):
            goes_on = len(line) == len("MSH") and len(pending) > 1  # the last characters of broken base64
            if _SEGMENT.match(line) and line[3:4] in (self.separator, "") and not goes_on:
                if pending:
                    yield "\n".join(pending)
                pending = [line]
            elif line:
                pending.append(line)
        yield "\n".join(pending)

    @staticmethod
    def _is_delimiter(character: str) -> bool:
        return not character.isalnum() and not character.isspace() and character.isprintable()


def _part(text: str, delimiter: str, number: int) -> str:
    parts = text.split(delimiter, number) if delimiter in text else [text]
    return parts[number - 1] if number <= len(parts) else ""
