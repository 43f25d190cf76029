"""The versions of a record's choices, and the copies on which changes and deposits are decided."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.consent.choices.domain.choices import Choices, is_valid, without_long_ended
from shared.contracts.consent import ConsentStateChanged
from shared.contracts.topics import IDENTITY_RECORDS
from shared.errors import ClientError, ConflictError, TooManyRequestsError, UncheckableError

MAX_CHANGES = 100
"""The limit of changes of a record within `CHANGES_PERIOD`.

It holds for the patient side together, and separately for others about each professional or structure. Others change
only their own access, so they cannot use up the changes of the patient side, and no structure floods a record.
"""
CHANGES_PERIOD = timedelta(hours=1)


class RecordNotReadyError(UncheckableError):
    """This record is being opened. Try again in a few seconds."""

    code = "record-not-ready"
    french = "Ce dossier est en cours d’ouverture. Réessayez dans quelques secondes."


class RecordClosedError(ConflictError):
    """This record is closed: its choices can be read, but not changed. Reopen it first."""

    code = "record-closed"
    french = "Ce dossier est fermé : ses choix se consultent mais ne changent plus. Rouvrez-le d’abord."


class TooManyChangesError(TooManyRequestsError):
    """A record takes 100 changes an hour. Wait before the next; what takes a right away always works: blocking, hiding,
    objecting, ending."""

    code = "too-many-changes"
    french = (
        "Un dossier accepte 100 changements par heure. Patientez ; bloquer, cacher et mettre fin restent possibles."
    )
    retry_after = 60


@dataclass(frozen=True, slots=True)
class ConsentState:
    """The choices of one record in one version. `record_version`: the version of the record's copy behind it."""

    record_id: UUID
    version: int
    choices: Choices
    changed_at: datetime
    record_version: int
    version_in_force: int = 0

    @property
    def is_in_force(self) -> bool:
        """Returns whether every read is now decided under this version or a later one."""
        return self.version_in_force >= self.version

    def changed(self, choices: Choices, at: datetime) -> "ConsentState":
        """Returns the next version with these choices, without authorisations that ended long ago."""
        return replace(self, version=self.version + 1, choices=without_long_ended(choices, at), changed_at=at)

    def as_event(self) -> ConsentStateChanged:
        """Returns the event that announces the whole state to the other services."""
        choices = self.choices
        without_end = {
            authorisation.holder_id
            for authorisation in choices.authorisations
            if authorisation.how != "care-team"
            and authorisation.until is None
            and is_valid(authorisation, self.changed_at)
        }
        return ConsentStateChanged(
            record_id=self.record_id,
            version=self.version,
            authorised=tuple(sorted(without_end)),
            changed_at=self.changed_at,
            seen={IDENTITY_RECORDS.name: self.record_version},
            **{name: getattr(choices, name) for name in Choices.model_fields},
        )


class VersionDiffersError(ClientError):
    """The choices have changed meanwhile. Read them again (GET .../choices), then change them."""

    code = "version-differs"
    status = 412
    french = "Les choix ont changé entre-temps. Consultez-les à nouveau (GET .../choices), puis recommencez."

    def __init__(self, current: ConsentState) -> None:
        super().__init__()
        self.current = current


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One version of the choices: the change that made it, its time and its author."""

    version: int
    action: str
    subject_id: str | None
    actor_kind: str
    actor_id: str
    changed_at: datetime
    change: Mapping[str, Any] | None
