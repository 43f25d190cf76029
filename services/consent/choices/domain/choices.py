"""All choices of a patient as one value, and the kinds of changes to them."""

from datetime import date, datetime, timedelta
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.base import Code
from shared.contracts.consent import ApplicationChoice, Authorisation, CollectedObjection, EmergencyChoices
from shared.national_ids import LONGEST_INPUT, NationalIdKind

LONGEST_LIST = 1000
"""The limit of entries in one list of choices; a state is announced as a whole."""
ENDED_SHOWN_FOR = timedelta(days=366)
"""The time for which an ended authorisation is kept and shown as ended (EXPIRE in TD0.2, `inactive` in FHIR)."""

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
"""A new one is also added to `SUBJECT_KINDS` (`identifiers`), `shared.access.rights.CHANGES`,
`shared.contracts.audit.Action` and audit's `ACTIONS_BY_SERVICE`; a test compares the lists."""
UNLIMITED_ACTIONS: Final = frozenset(
    {
        *("end-authorisation", "end-attestation", "end-attending-doctor", "end-application"),
        *("block-professional", "object-to-care-team", "object-to-feeding", "hide-section"),
    }
)
"""Changes that take a right away: the limit of changes never refuses them, and does not count them."""


class Choices(BaseModel):
    """All choices of a patient, in sorted lists without duplicates.

    A holder has at most one authorisation that has begun and one to come, and as many attestations.
    `collected_objections`: the objections to deposits that the structures themselves collected and reported.
    """

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
    collected_objections: tuple[CollectedObjection, ...] = ()


class Change(BaseModel):
    """One change: the action, its subject (a professional, structure, application or section), and its terms.

    `subject_id`: the identifier of a professional or structure as the caller typed it, until it is resolved to the full
    one; `kind`: the kind of holder that the caller stated.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
    action: ChangeAction
    subject_id: str | None = Field(default=None, max_length=LONGEST_INPUT)
    kind: NationalIdKind | None = None
    since: datetime | None = None
    until: datetime | None = None
    how: Literal["online", "card-present", "care-team"] = "online"
    informed_on: date | None = None
    emergency: EmergencyChoices | None = None
    masked: bool | None = None
    sections: tuple[Code, ...] = Field(default=(), max_length=40)


def is_valid(authorisation: Authorisation, now: datetime) -> bool:
    """Returns whether the authorisation holds at this moment."""
    return authorisation.since <= now and (authorisation.until is None or now < authorisation.until)


def has_ended(authorisation: Authorisation, now: datetime) -> bool:
    """Returns whether the authorisation has ended."""
    return authorisation.until is not None and authorisation.until <= now


def has_collected_objection(choices: Choices, structure_id: str) -> bool:
    """Returns whether the objection to deposits by this structure is one that the structure itself collected."""
    return any(objection.structure_id == structure_id for objection in choices.collected_objections)


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
