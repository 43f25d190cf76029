"""Reads the lines of delimited text files (CSV) in UTF-8: their header, their cells, and what makes them unreadable."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.errors import InvalidError
from shared.human_text import clean_line

DELIMITERS = ";,|\t"
MAX_LINE_BYTES = 64 * 1024


class FileEncodingError(InvalidError):
    """The file is not UTF-8 (it looks like Latin-1, Windows-1252 or UTF-16). Convert it first: iconv -f LATIN1 -t
    UTF-8."""

    code = "file-not-utf-8"
    french = "Le fichier n’est pas en UTF-8. Convertissez-le d’abord : iconv -f LATIN1 -t UTF-8."


class FileHeaderError(InvalidError):
    """The first line must name the columns, separated by ; , or |. See docs/imports.md."""

    code = "file-header-invalid"
    french = "La première ligne doit nommer les colonnes, séparées par ; , ou |. Voir docs/imports.md."


class LineEncodingError(InvalidError):
    """The line is not UTF-8."""

    code = "line-not-utf-8"
    french = "La ligne n’est pas en UTF-8."


class LineTooLongError(InvalidError):
    """The line is longer than 64 KiB."""

    code = "line-too-long"
    french = "La ligne dépasse 64 Kio."


class LineMalformedError(InvalidError):
    """The line does not have the columns of the header, or its quotation marks do not match."""

    code = "line-malformed"
    french = "La ligne n’a pas les colonnes de l’en-tête, ou ses guillemets ne se ferment pas."


@dataclass(frozen=True, slots=True)
class Columns:
    """The expected columns: the title in the header for each internal name, and the required names.

    `has_quoting`: fields may stand in double quotes (RFC 4180); otherwise they do so only in a file whose header does,
    and a quotation mark is text.
    """

    titles: Mapping[str, str]
    needed: Sequence[str]
    has_quoting: bool = True


@dataclass(frozen=True, slots=True)
class Header:
    """The first line of a file: its delimiter, and the internal name of each column, "" for others."""

    delimiter: str
    names: Sequence[str]


def check_encoding(sample: bytes, *, is_whole: bool) -> None:
    """Refuses a file in another encoding: its header, or most of its lines with other characters than ASCII, are not
    UTF-8. A damaged line among others is rejected alone. Raises FileEncodingError."""
    first, *lines = sample.split(b"\n")
    if not is_whole and lines:
        del lines[-1]  # the sample ends within it
    if b"\x00" in first or not is_utf8(first):
        raise FileEncodingError
    readable = [is_utf8(line) for line in (first, *lines) if not line.isascii()]
    if readable.count(False) > readable.count(True):
        raise FileEncodingError


def is_utf8(raw: bytes) -> bool:
    """Returns whether the bytes are UTF-8."""
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def read_header(header: str, columns: Columns) -> Header:
    """Returns the header under the delimiter with which most columns are known. Raises FileHeaderError."""
    ours = {_normalised_title(title): name for name, title in columns.titles.items()}
    names_by_delimiter = {
        delimiter: [ours.get(_normalised_title(cell), "") for cell in split_cells(header, delimiter) or []]
        for delimiter in DELIMITERS
    }
    delimiter = max(DELIMITERS, key=lambda candidate: sum(map(bool, names_by_delimiter[candidate])))
    names = names_by_delimiter[delimiter]
    check_names(names, columns)
    return Header(delimiter, names)


def check_names(names: Sequence[str], columns: Columns) -> None:
    """Raises FileHeaderError when a needed column is missing or one is named twice."""
    missing = [columns.titles[name] for name in columns.needed if name not in names]
    if missing:
        raise FileHeaderError(f"The header lacks: {', '.join(missing)}. {FileHeaderError.__doc__}")
    if len(set(filter(None, names))) < sum(map(bool, names)):
        raise FileHeaderError(f"The header names a column twice. {FileHeaderError.__doc__}")


def split_cells(text: str, delimiter: str) -> list[str] | None:
    """Returns the cells, or None when the quotation marks do not match."""
    if '"' not in text:
        return text.split(delimiter)
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=True))
    except csv.Error:
        return None


def _normalised_title(title: str) -> str:
    return clean_line(title).replace("’", "'").casefold()
