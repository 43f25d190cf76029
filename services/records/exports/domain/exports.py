"""A copy of a record that is prepared for a person: its states, and what it refuses."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

from services.records.exports.domain.manifest import ExporterKind
from shared.errors import ConflictError, NotFoundError

KEPT: Final = timedelta(days=1)
"""How long a copy may take to be prepared, and how long it can be fetched then."""
ExportState = Literal["preparing", "ready", "failed"]
UNREADABLE: Final = "document-unreadable"
GIVEN_UP: Final = "given-up"


class ExportUnknownError(NotFoundError):
    """You have no copy of this record here: none was begun, it was deleted, or its day is over."""

    code = "export-unknown"
    french = "Vous n’avez pas de copie de ce dossier ici : aucune n’a été demandée, ou elle n’est plus gardée."


class ExportExistsError(ConflictError):
    """A copy of this record is being prepared for you, or waits for you. Fetch it, or delete it to begin another."""

    code = "export-exists"
    french = (
        "Une copie de ce dossier est en préparation ou vous attend. Téléchargez-la, ou supprimez-la pour en demander "
        "une autre."
    )


class ExportUnfinishedError(ConflictError):
    """The copy is still being prepared. Look at its progress, and fetch it once it is ready."""

    code = "export-unfinished"
    french = "La copie est encore en préparation. Elle pourra être téléchargée dès qu’elle sera prête."
    retry_after = 5


class ExportFailedError(ConflictError):
    """The copy could not be prepared. Begin another one; if that fails too, tell the operator."""

    code = "export-failed"
    french = "La copie n’a pas pu être préparée. Demandez-en une autre ; si cela échoue encore, prévenez l’exploitant."


class ExportOutdatedError(ConflictError):
    """The copy has a document that you may not read any more. Delete it, and begin another one."""

    code = "export-outdated"
    french = "La copie contient un document que vous ne pouvez plus lire. Supprimez-la, et demandez-en une autre."


@dataclass(frozen=True, slots=True)
class Export:
    """A copy that a person asked for.

    `requester_id`: the record of the person. `acts_in`: the record for which the person's token was issued. `records`:
    the records whose documents it has. `total`: how many documents it will have, None before the first; `documents`:
    how many were read so far, in `parts` parts, the last of them at `position`. `size`: bytes of the archive.
    """

    id: UUID
    record_id: UUID
    records: tuple[UUID, ...]
    requester_id: str
    requester_kind: ExporterKind
    client_id: str
    acts_in: UUID
    state: ExportState
    failure: str | None
    started_at: datetime
    expires_at: datetime
    attempts: int
    total: int | None
    documents: int
    parts: int
    position: UUID | None
    size: int | None

    def check_ready(self) -> None:
        """Raises ExportUnfinishedError or ExportFailedError, unless it can be fetched."""
        if self.state == "failed":
            raise ExportFailedError
        if self.state != "ready":
            raise ExportUnfinishedError
