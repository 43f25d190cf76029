"""How far a table is loaded, what came of it, and why one is not taken."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Literal

from shared.errors import ConflictError, InvalidError

TableKind = Literal["medicines", "interactions"]
MOST_REJECTED: Final = 0.1
"""The share of a file's lines that may be rejected; beyond it the file is another one than it should be."""


class FilesMissingError(InvalidError):
    """The files CIS_bdpm, CIS_CIP_bdpm, CIS_COMPO_bdpm and CIS_MITM are needed, each once."""

    code = "files-missing"
    french = "Il faut les fichiers CIS_bdpm, CIS_CIP_bdpm, CIS_COMPO_bdpm et CIS_MITM, chacun une fois."


class TableRejectedError(InvalidError):
    """More than a tenth of the lines of a file, or all of them, cannot be taken. The former table stays in use."""

    code = "table-rejected"
    french = "Plus d’un dixième des lignes d’un fichier, ou toutes, ne se lisent pas. L’ancienne table reste en usage."


class TableLoadingError(ConflictError):
    """A table of this kind is being loaded by another run. Wait until it has ended."""

    code = "table-loading"
    french = "Une table de cette sorte est en cours de chargement par ailleurs. Attendez la fin."


@dataclass(frozen=True, slots=True)
class Edition:
    """What an operator says of a table: its source and the day of its edition."""

    source: str
    dated_on: date


@dataclass(frozen=True, slots=True)
class FileCounts:
    """Lines of a file that were taken, and that were not."""

    taken: int = 0
    rejected: int = 0

    @property
    def is_acceptable(self) -> bool:
        """Whether it is the file that it should be."""
        return self.taken > 0 and self.rejected <= MOST_REJECTED * (self.taken + self.rejected)


@dataclass(frozen=True, slots=True)
class LoadOutcome:
    """The result of loading a table. `was_in_use`: the same files were loaded before, and nothing was done."""

    counts: Mapping[str, FileCounts] = field(default_factory=dict)
    was_in_use: bool = False

    @property
    def rejected(self) -> int:
        """The number of lines that were not taken."""
        return sum(counts.rejected for counts in self.counts.values())
