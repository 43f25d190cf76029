"""The life cycle of a person's record: state, action and party give a new state or a refusal.

The table is total. Code de la santé publique: opening unless refused (R1111-26 to R1111-28), closing at any time
(R1111-34), ten years of retention after closing (L1111-18), disclosure after a death (L1110-4 V). Combinations outside
the table are refused.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, get_args
from uuid import UUID

from services.identity.kit.transitions import TransitionTable
from services.identity.people.domain.new_person import RecordUnknownError
from shared.contracts.base import ActorKind
from shared.errors import ClientError, ConflictError, ForbiddenError

LifecycleState = Literal["none", "objected", "open", "closed", "dead", "erased"]
"""The state of one person.

`none`, `objected` and `erased`: there is no record; `dead`: closed because the holder has died.
"""
LifecycleAction = Literal[
    "open", "object", "withdraw-objection", "close", "reopen", "record-death", "erase", "link", "unlink"
]
LifecycleParty = Literal[
    "holder",
    "representative",
    "carer",
    "professional",
    "software",
    "administrator",
    "operator",
    "system",
    "unknown",
]
"""The acting party in relation to the record.

An agent (by phone, at a counter) is an administrator; sweeps and campaigns are `system`.
"""
STATES: Final = get_args(LifecycleState)
ACTIONS: Final = get_args(LifecycleAction)
PARTIES: Final = get_args(LifecycleParty)
RequestChannel = Literal["online", "phone-agent", "letter"]
ClosureCause = Literal["asked", "death"]


class RecordClosedError(ConflictError):
    """This person's record is closed. Reopen it with POST /records/{id}/reopen."""

    code = "record-closed"
    french = "Le dossier de cette personne est fermé. Le rouvrir est un acte à part."


class RecordOpenError(ConflictError):
    """This record is open: its retention period has not begun."""

    code = "record-open"
    french = "Ce dossier est ouvert : le délai de conservation n’a pas commencé."


class HolderDeceasedError(ConflictError):
    """The holder of this record has died. Only an administrator, where the death was recorded in error, reopens it."""

    code = "holder-deceased"
    french = (
        "La personne titulaire de ce dossier est décédée. Si ce décès a été enregistré par erreur, seule "
        "l’administration du service peut rouvrir le dossier."
    )


class RetentionOverError(ConflictError):
    """This record was closed so long ago that it is being erased. A new one can be opened."""

    code = "retention-over"
    french = "Ce dossier est fermé depuis si longtemps qu’il est en cours d’effacement. Un nouveau peut être ouvert."


class RetentionRunningError(ConflictError):
    """This record is closed, and its retention period has not ended."""

    code = "retention-running"
    french = "Ce dossier est fermé et le délai de conservation court encore."


class OpeningObjectedError(ConflictError):
    """This person has objected to the opening of a record: only they can ask for one."""

    code = "opening-objected"
    french = "Cette personne s’est opposée à l’ouverture d’un dossier : elle seule peut en demander un."


class OpeningSuppressedError(ConflictError):
    """This person's record was erased: only they can ask for another."""

    code = "opening-suppressed"
    french = "Le dossier de cette personne a été effacé : elle seule peut en demander un autre."


REFUSALS: Final[dict[str, type[ClientError]]] = {
    error.code: error
    for error in (
        ForbiddenError,
        HolderDeceasedError,
        OpeningObjectedError,
        OpeningSuppressedError,
        RecordClosedError,
        RecordOpenError,
        RecordUnknownError,
        RetentionOverError,
        RetentionRunningError,
    )
}
"""The refusals of this module by code."""


_OWN: Final = frozenset[LifecycleParty]({"holder", "representative"})
_WHO: Final[dict[LifecycleAction, frozenset[LifecycleParty]]] = {
    "open": _OWN | {"professional", "administrator", "system"},
    "object": _OWN | {"administrator"},
    "withdraw-objection": _OWN | {"administrator"},
    "close": _OWN,
    "reopen": _OWN | {"administrator"},
    "record-death": frozenset({"administrator", "system"}),
    "erase": frozenset({"administrator", "system"}),
    "link": frozenset({"administrator"}),
    "unlink": frozenset({"administrator"}),
}
_NO_RECORD: Final = "record-unknown"
_RULES: Final[dict[LifecycleAction, tuple[LifecycleState | str, ...]]] = {  # in the order of STATES
    #                       none        objected    open      closed           dead               erased
    "open":                ("open",     "open",     "open",   "record-closed", "holder-deceased", "open"),
    "object":              ("objected", "objected", "closed", "closed",        "dead",            "erased"),
    "withdraw-objection":  ("none",     "none",     "open",   "closed",        "dead",            "none"),
    "close":               (_NO_RECORD, _NO_RECORD, "closed", "closed",        "dead",            _NO_RECORD),
    "reopen":              (_NO_RECORD, _NO_RECORD, "open",   "open",          "holder-deceased", _NO_RECORD),
    "record-death":        (_NO_RECORD, _NO_RECORD, "dead",   "dead",          "dead",            _NO_RECORD),
    "erase":               (_NO_RECORD, _NO_RECORD, "erased", "erased",        "erased",          "erased"),
    "link":                (_NO_RECORD, _NO_RECORD, "open",   "closed",        "holder-deceased", _NO_RECORD),
    "unlink":              (_NO_RECORD, _NO_RECORD, "open",   "closed",        "dead",            _NO_RECORD),
}  # fmt: skip
_EXCEPTIONS: Final[dict[tuple[LifecycleState, LifecycleAction, LifecycleParty], LifecycleState | str]] = {
    ("objected", "open", "system"): "opening-objected",  # a campaign never opens a record for a person who refused
    ("erased", "open", "system"): "opening-suppressed",
    ("dead", "reopen", "administrator"): "open",  # a death recorded in error
    ("open", "erase", "system"): "record-open",  # the sweep erases closed records only
}


TABLE: Final[TransitionTable[LifecycleState, LifecycleAction, LifecycleParty]] = TransitionTable(
    (STATES, ACTIONS, PARTIES), _WHO, _RULES, REFUSALS, _EXCEPTIONS
)
decide: Final = TABLE.decide
"""Returns the outcome of an action by a party in this state."""


def party_of(kind: ActorKind, own_record: UUID | None, record_id: UUID | None) -> LifecycleParty:
    """Returns the caller's relation to that record. `own_record`: the record to which the token gives access.

    Raises RecordUnknownError for a patient with another record, and for a representative or carer who acts in another.
    """
    match kind:
        case "patient" | "representative" | "carer":
            if record_id is None or own_record != record_id:
                raise RecordUnknownError
            return "holder" if kind == "patient" else kind
        case "application":
            return "unknown"
        case _:
            return kind


def state_of(cause: ClosureCause | None) -> LifecycleState:
    """Returns the state of an existing record. `cause`: why it is closed; None: it is open."""
    match cause:
        case None:
            return "open"
        case "death":
            return "dead"
        case _:
            return "closed"


@dataclass(frozen=True, slots=True)
class LifecycleRules:
    """The parameters of the life cycle. `closed_years`: the retention of closed records."""

    closed_years: int

    def closed_before(self, now: datetime) -> datetime:
        """Returns the time up to which closed records have completed their retention."""
        year = now.year - self.closed_years
        try:
            return now.replace(year=year)
        except ValueError:  # that year has no 29 February: its 28th counts whole
            return now.replace(year=year, day=28, hour=23, minute=59, second=59, microsecond=999_999)

    def is_over(self, closed_at: datetime, now: datetime) -> bool:
        """Returns whether the retention of a record closed at this time has ended."""
        return closed_at <= self.closed_before(now)
