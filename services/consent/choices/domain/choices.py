"""All choices of a patient as one value, and the changes that there are."""

from datetime import date, datetime, timedelta
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.base import Code
from shared.contracts.consent import ApplicationChoice, Authorisation, EmergencyChoices
from shared.national_ids import LONGEST_INPUT, HolderKind

LONGEST_LIST = 1000
"""Most entries of one list of choices: the state travels as a whole."""
ENDED_SHOWN_FOR = timedelta(days=366)
"""How long an ended authorisation is kept and shown as ended (EXPIRE in TD0.2, `inactive` in FHIR)."""

ChangeAction = Literal[
    "authorise-professional",
    "end-authorisation",
    "block-professional",
    "unblock-professional",
    "object-to-feeding",
    "withdraw-feeding-objection",
    "choose-emergency-access",
    "hide-section",
    "show-section",
    "choose-default-label",
    "attest-care-team",
    "end-attestation",
    "withdraw-attestation-objection",
    "object-to-care-team",
    "withdraw-care-team-objection",
    "name-attending-doctor",
    "end-attending-doctor",
    "reference-application",
    "end-application",
]
PATIENT_SIDE: Final = frozenset({"patient", "representative", "carer"})
"""The kinds of actors that choose for the patient: the patient, representatives and carers."""
UNLIMITED_ACTIONS: Final = frozenset(
    {
        *("end-authorisation", "end-attestation", "end-attending-doctor", "end-application"),
        *("block-professional", "object-to-care-team", "object-to-feeding", "hide-section"),
    }
)
"""Changes that take a right away: the limit of changes never refuses them, and does not count them."""


class Choices(BaseModel):
    """All choices of a patient, in sorted lists without duplicates. A holder has at most one authorisation that has
    begun and one to come, and as many attestations."""

    model_config = ConfigDict(frozen=True, extra="ignore", serialize_by_alias=True)
    authorisations: tuple[Authorisation, ...] = ()
    blocked: tuple[Code, ...] = ()
    attending_doctors: tuple[Code, ...] = ()
    care_team_objected: bool = False
    emergency: EmergencyChoices = EmergencyChoices()
    hidden_sections: tuple[Code, ...] = ()
    mask_new_documents: bool = False
    feeding_objections: tuple[Code, ...] = ()
    applications: tuple[ApplicationChoice, ...] = ()
    attestation_objections: tuple[Code, ...] = ()


class Change(BaseModel):
    """One change: the action, the professional, structure, application or section that it is about, and its terms.

    `subject_id`: the identifier of a professional or structure as the caller typed it, until it is resolved to the full
    one; `kind`: which of the two the caller says it is.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
    action: ChangeAction
    subject_id: str | None = Field(default=None, max_length=LONGEST_INPUT)
    kind: HolderKind | None = None
    since: datetime | None = None
    until: datetime | None = None
    how: Literal["online", "card-present", "care-team"] = "online"
    informed_on: date | None = None
    emergency: EmergencyChoices | None = None
    masked: bool | None = None
    sections: tuple[Code, ...] = Field(default=(), max_length=40)


def is_valid(authorisation: Authorisation, now: datetime) -> bool:
    """Whether the authorisation holds at this moment."""
    return authorisation.since <= now and (authorisation.until is None or now < authorisation.until)


def has_ended(authorisation: Authorisation, now: datetime) -> bool:
    """Whether the authorisation has ended."""
    return authorisation.until is not None and authorisation.until <= now


def sort_key(authorisation: Authorisation) -> tuple[str, str, datetime]:
    """Returns the key by which authorisations are sorted in the choices."""
    return authorisation.holder_id, authorisation.how, authorisation.since


def without_long_ended(choices: Choices, now: datetime) -> Choices:
    """Returns the choices without authorisations that ended long ago; a full list loses more, oldest end first."""
    shown_since = now - ENDED_SHOWN_FOR
    kept = [authorisation for authorisation in choices.authorisations if not has_ended(authorisation, shown_since)]
    ended = [authorisation for authorisation in kept if has_ended(authorisation, now)]
    ended.sort(key=lambda authorisation: authorisation.until or now)
    for authorisation in ended[: max(0, len(kept) - LONGEST_LIST)]:
        kept.remove(authorisation)
    if len(kept) == len(choices.authorisations):
        return choices
    return choices.model_copy(update={"authorisations": tuple(kept)})
