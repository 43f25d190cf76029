"""The life of a person's record: states x actions x parties -> a new state or a refusal. One table, total.

Code de la santé publique: opening unless refused (R1111-26 to R1111-28), closing at any time (R1111-34), ten years of
keeping after it (L1111-18), what may be told after a death (L1110-4 V). What is not in the table is refused.
"""

from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final, Literal, get_args
from uuid import UUID

from services.identity.domain.opening import RecordUnknownError
from shared.contracts.base import ActorKind
from shared.errors import ClientError, ConflictError, ForbiddenError

LifecycleState = Literal["none", "objected", "open", "closed", "dead", "erased"]
"""Of one person. `none`, `objected` and `erased`: there is no record; `dead`: closed because its holder has died."""
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
"""Who acts, as seen from the record. An agent (by phone, at a counter) is an administrator; `system` are the sweep
and a campaign."""
STATES: Final = get_args(LifecycleState)
ACTIONS: Final = get_args(LifecycleAction)
PARTIES: Final = get_args(LifecycleParty)
RequestChannel = Literal["online", "phone-agent", "letter"]
ClosureCause = Literal["asked", "death"]
ErasureReason = Literal["retention-over", "gdpr-decision"]


class RecordClosedError(ConflictError):
    """This person's record is closed. Reopening it is an act of its own: POST /records/{id}/reopen."""

    code = "record-closed"
    french = "Le dossier de cette personne est fermé. Le rouvrir est un acte à part."


class RecordOpenError(ConflictError):
    """This record is open, and the time for which it is kept has not begun."""

    code = "record-open"
    french = "Ce dossier est ouvert : le délai de conservation n’a pas commencé."


class HolderDeceasedError(ConflictError):
    """The holder of this record has died. Only an administrator, where the death was recorded in error, reopens it."""

    code = "holder-deceased"
    french = "Le titulaire de ce dossier est décédé. Seul un administrateur corrige un décès enregistré par erreur."


class RetentionOverError(ConflictError):
    """This record was closed so long ago that it is being erased. A new one may be opened."""

    code = "retention-over"
    french = "Ce dossier est fermé depuis si longtemps qu’il est en cours d’effacement. Un nouveau peut être ouvert."


class RetentionRunningError(ConflictError):
    """This record is closed and still within the time for which it is kept."""

    code = "retention-running"
    french = "Ce dossier est fermé et le délai de conservation court encore."


class OpeningObjectedError(ConflictError):
    """This person has objected to the opening of a record: only their own wish opens one."""

    code = "opening-objected"
    french = "Cette personne s’est opposée à l’ouverture d’un dossier : elle seule peut en demander un."


class OpeningSuppressedError(ConflictError):
    """This person's record was erased: only their own wish opens another."""

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
"""Every refusal of this module by its code."""


@dataclass(frozen=True, slots=True)
class LifecycleTransition:
    """It may be done, and leads there (which may be where it already is)."""

    state: LifecycleState


@dataclass(frozen=True, slots=True)
class LifecycleRefusal:
    """It may not be done; `code` is a key of REFUSALS."""

    code: str

    def error(self) -> ClientError:
        """What the caller is told."""
        return REFUSALS[self.code]()


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
    ("objected", "open", "system"): "opening-objected",  # a campaign opens for nobody who refused
    ("erased", "open", "system"): "opening-suppressed",
    ("dead", "reopen", "administrator"): "open",  # a death recorded in error
    ("open", "erase", "system"): "record-open",  # the sweep takes only what was closed
}


def _decide(
    state: LifecycleState, action: LifecycleAction, party: LifecycleParty
) -> LifecycleTransition | LifecycleRefusal:
    if party not in _WHO[action]:
        return LifecycleRefusal("forbidden")
    outcome = _EXCEPTIONS.get((state, action, party), _RULES[action][STATES.index(state)])
    states: dict[str, LifecycleState] = {name: name for name in STATES}
    return LifecycleTransition(states[outcome]) if outcome in states else LifecycleRefusal(outcome)


TABLE: Final = MappingProxyType(
    {
        (state, action, party): _decide(state, action, party)
        for state in STATES
        for action in ACTIONS
        for party in PARTIES
    }
)
"""Everything, decided once."""


def decide(
    state: LifecycleState, action: LifecycleAction, party: LifecycleParty
) -> LifecycleTransition | LifecycleRefusal:
    """What becomes of it; refused (`forbidden`) where the table does not know it."""
    return TABLE.get((state, action, party), LifecycleRefusal("forbidden"))


def party_of(kind: ActorKind, own_record: UUID | None, record_id: UUID | None) -> LifecycleParty:
    """Who asks, as seen from that record (`own_record`: the one that the token speaks for). Raises RecordUnknownError
    for a patient whose record it is not, and for whoever acts for somebody else."""
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
    """The state of a record that exists, by why it is closed (None: it is not)."""
    match cause:
        case None:
            return "open"
        case "death":
            return "dead"
        case _:
            return "closed"


@dataclass(frozen=True, slots=True)
class Retention:
    """How long what is closed is kept, how long backups are, and when a missing acknowledgement is an alarm."""

    closed_years: int
    backups_days: int
    acknowledgement_s: float

    def closed_before(self, now: datetime) -> datetime:
        """What was closed at this moment or earlier has been kept long enough."""
        year = now.year - self.closed_years
        try:
            return now.replace(year=year)
        except ValueError:  # 29 February: the day before has passed
            return now.replace(year=year, day=28, hour=23, minute=59, second=59, microsecond=999_999)

    def is_over(self, closed_at: datetime, now: datetime) -> bool:
        """Whether what was closed then is to be erased."""
        return closed_at <= self.closed_before(now)
