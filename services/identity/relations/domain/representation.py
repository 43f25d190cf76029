"""The rules of legal representation: the persons represented, the evidence, the beginning and the end.

Code civil: parental authority (371-1, 388), protection of adults (414 to 515), future protection mandate (477); Code de
la santé publique R1111-40. A second representative, and a person without proof of their relation to the holder, waits
until an administrator or another representative has agreed.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal, get_args
from uuid import UUID

from services.identity.kit.sealed_rows import Sealed
from services.identity.kit.transitions import TransitionTable
from services.identity.people.domain.persons import is_minor
from shared.errors import ClientError, ConflictError, ForbiddenError, InvalidError, NotFoundError

Basis = Literal["representative-of-minor", "representative-of-adult"]
Evidence = Literal["birth-certificate", "family-booklet", "court-decision", "protection-mandate", "insured-register"]
"""The kinds of evidence of a representation.

`insured-register`: the register lists the minor with the card on which they are insured. This proves the relation where
the register names the representative as the owner of that card.
"""
RepresentationStatus = Literal["waiting", "validated", "refused", "ended"]
RepresentationAction = Literal["validate", "refuse", "end"]
RepresentationParty = Literal["administrator", "representative", "self", "holder", "carer", "system", "stranger"]
"""The acting party.

`representative`: another representative of the record; `self`: the representative concerned.
"""
STATUSES: Final = get_args(RepresentationStatus)
ACTIONS: Final = get_args(RepresentationAction)
PARTIES: Final = get_args(RepresentationParty)
SUFFICIENT_EVIDENCE: Final[dict[Basis, frozenset[Evidence]]] = {
    "representative-of-minor": frozenset({"birth-certificate", "family-booklet", "court-decision", "insured-register"}),
    "representative-of-adult": frozenset({"court-decision", "protection-mandate"}),
}
"""The evidence that suffices for each basis."""


class EvidenceUnknownError(InvalidError):
    """The evidence is one of: birth-certificate, family-booklet, court-decision, protection-mandate."""

    code = "evidence-unknown"
    french = "La pièce est l’une de : birth-certificate, family-booklet, court-decision, protection-mandate."


class EvidenceInsufficientError(InvalidError):
    """This evidence is not enough: an adult is represented on a court decision or a protection mandate, a minor on a
    birth certificate, a family booklet or a court decision."""

    code = "evidence-insufficient"
    french = (
        "Cette pièce ne suffit pas : il faut pour une personne majeure une décision de justice ou un mandat de "
        "protection, pour une personne mineure un acte de naissance, un livret de famille ou une décision de justice."
    )


class RepresentativeUnfitError(InvalidError):
    """A representative is another person, of age, with their own record."""

    code = "representative-unfit"
    french = "Il faut une autre personne, majeure, qui a son propre dossier, pour représenter quelqu’un."


class RepresentationPeriodInvalidError(InvalidError):
    """A representation ends after it begins, and not before today."""

    code = "representation-period-invalid"
    french = "Une représentation se termine après son début, et pas avant aujourd’hui."


class RepresentationUnknownError(NotFoundError):
    """There is no such representation, or none that you may see."""

    code = "representation-unknown"
    french = "Cette représentation n’existe pas, ou vous ne pouvez pas la voir."


class RepresentationExistsError(ConflictError):
    """This person represents the holder already, or has asked to."""

    code = "representation-exists"
    french = "Cette personne représente déjà la personne titulaire, ou l’a déjà demandé."


class RepresentationOverError(ConflictError):
    """This representation was refused or has ended. Ask for a new one."""

    code = "representation-over"
    french = "Cette représentation a été refusée ou a pris fin. Demandez-en une nouvelle."


class RepresentationUnprovenError(ForbiddenError):
    """Your statements do not show that you represent this person. Check the number, the names, the birth date and the
    card, or go to your insurance fund with the evidence."""

    code = "representation-unproven"
    french = (
        "Ces indications ne montrent pas que vous représentez cette personne. Vérifiez le numéro, les noms, la date de "
        "naissance et la carte, ou présentez un justificatif à votre caisse."
    )


REFUSALS: Final[dict[str, type[ClientError]]] = {
    error.code: error for error in (ForbiddenError, RepresentationOverError)
}


@dataclass(frozen=True, slots=True)
class Representation:
    """A legal representation.

    `record_id`: the record of the represented person; `representative_id`: the representative's own record.
    """

    id: UUID
    record_id: UUID
    representative_id: UUID
    basis: Basis
    evidence: Evidence
    reference: Sealed
    status: RepresentationStatus
    starts_at: datetime
    ends_at: datetime | None
    requested_at: datetime

    def is_in_force(self, now: datetime, *, holder_is_minor: bool) -> bool:
        """Returns whether the representative may act now."""
        in_period = self.starts_at <= now and (self.ends_at is None or now < self.ends_at)
        fits = holder_is_minor == (self.basis == "representative-of-minor")
        return self.status == "validated" and in_period and fits


_WHO: Final[dict[RepresentationAction, frozenset[RepresentationParty]]] = {
    "validate": frozenset({"administrator", "representative"}),
    "refuse": frozenset({"administrator", "representative", "self"}),
    "end": frozenset({"administrator", "system"}),
}
_OVER: Final = RepresentationOverError.code
_RULES: Final[dict[RepresentationAction, tuple[RepresentationStatus | str, ...]]] = {  # in the order of STATUSES
    #            waiting      validated    refused    ended
    "validate": ("validated", "validated", _OVER,     _OVER),
    "refuse":   ("refused",   _OVER,       "refused", _OVER),
    "end":      ("refused",   "ended",     "refused", "ended"),
}  # fmt: skip


TABLE: Final[TransitionTable[RepresentationStatus, RepresentationAction, RepresentationParty]] = TransitionTable(
    (STATUSES, ACTIONS, PARTIES), _WHO, _RULES, REFUSALS
)
decide: Final = TABLE.decide
"""Returns the outcome of an action by a party on a representation in this status."""


def initial_status(validated_before: int, *, is_proven: bool) -> RepresentationStatus:
    """Returns the status of a new representation.

    The first representative with proof of their relation to the holder is in force at once; all others wait until a
    second person has checked it.
    """
    return "validated" if is_proven and validated_before == 0 else "waiting"


def basis_at(born: date, at: datetime) -> Basis:
    """Returns the basis of a representation that begins at this time."""
    return "representative-of-minor" if is_minor(born, at) else "representative-of-adult"


def check_evidence(basis: Basis, stated: str) -> Evidence:
    """Returns the evidence. Raises EvidenceUnknownError, EvidenceInsufficientError."""
    evidence: Evidence | None = next((value for value in get_args(Evidence) if value == stated), None)
    if evidence is None:
        raise EvidenceUnknownError
    if evidence not in SUFFICIENT_EVIDENCE[basis]:
        raise EvidenceInsufficientError
    return evidence


def representation_period(
    born: date, starts_at: datetime | None, ends_at: datetime | None, now: datetime
) -> tuple[datetime, datetime | None]:
    """Returns the start and the end.

    For a minor, an end at or after the coming of age is dropped: the representation then ends by itself, and storing it
    would reveal the birth date. Raises RepresentationPeriodInvalidError.
    """
    begins = starts_at or now
    if ends_at is not None and (ends_at <= begins or ends_at <= now):
        raise RepresentationPeriodInvalidError
    of_minor = basis_at(born, begins) == "representative-of-minor"
    if ends_at is not None and of_minor and not is_minor(born, ends_at):
        return begins, None
    return begins, ends_at
