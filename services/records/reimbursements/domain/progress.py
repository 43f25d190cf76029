"""How far the import of a file is, and why an import does not begin or go on."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.errors import ConflictError

REJECTED = "rejected"


class ImportRunningError(ConflictError):
    """This very file is being imported by another run. Wait until it has ended."""

    code = "import-running"
    french = "Ce même fichier est en cours d’import par ailleurs. Attendez la fin."


class FileChangedError(ConflictError):
    """The file changed while it was read: it holds other lines than when it was compared with its frame."""

    code = "file-changed"
    french = "Le fichier a changé pendant sa lecture : il ne contient plus les lignes comparées à son cadre."


@dataclass(frozen=True, slots=True)
class ImportReport:
    """How far an import is: lines taken of all lines, and their number by what became of them."""

    lines: int
    total: int
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ImportOutcome:
    """The result of an import. `was_finished`: the file had been taken before, and nothing was done; `was_begun`: an
    earlier run had begun it."""

    counts: Mapping[str, int]
    was_begun: bool
    was_finished: bool

    @property
    def rejected(self) -> int:
        """The number of lines that could not be read."""
        return self.counts.get(REJECTED, 0)
