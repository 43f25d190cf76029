"""The progress of file imports, and the errors of files and lines."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from shared.errors import ConflictError, InvalidError

ImportKind = Literal["insured", "directory"]
ImportStep = Literal["reading", "structures", "professionals", "absent", "done"]
_ALWAYS_PLAUSIBLE = 100


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


class ImportRunningError(ConflictError):
    """Another import of this kind is running. Wait until it has ended."""

    code = "import-running"
    french = "Un autre import du même genre est en cours. Attendez qu’il finisse."


class ImportOvertakenError(ConflictError):
    """Another import of this file has made progress in the meantime. Begin again with --resume."""

    code = "import-overtaken"
    french = "Un autre import du même fichier a avancé entre-temps. Recommencez avec --resume."


class AbsenceImplausibleError(ConflictError):
    """More than a tenth of the active professionals are not in this file. If it is complete, say --strike-off-many."""

    code = "absence-implausible"
    french = (
        "Plus d’un dixième des professionnels actifs manquent dans ce fichier. S’il est complet : --strike-off-many."
    )


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """Identifies a file by the SHA-256 of its first MiB and its size in bytes."""

    digest: bytes
    size: int


@dataclass(frozen=True, slots=True)
class ImportProgress:
    """How far an import has come: bytes and lines read, rows changed, lines rejected.

    `rejected_bytes`: the length of the file of rejected lines; `unreadable`: the number of rejected lines that do not
    identify a person; `cursor`: the last id that the present step has processed.
    """

    started_at: datetime
    offset: int = 0
    lines: int = 0
    changed: int = 0
    rejected: int = 0
    rejected_bytes: int = 0
    unreadable: int = 0
    step: ImportStep = "reading"
    cursor: str = ""


def is_plausible_absence(active: int, absent: int) -> bool:
    """Returns whether so many professionals may have left between two extractions. Beyond that a truncated file is the
    likelier cause."""
    return absent <= max(_ALWAYS_PLAUSIBLE, active // 10)
