"""Everything that a person has chosen, as one value, and what a change does to it."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.base import ActorKind, Code
from shared.contracts.consent import ApplicationChoice, Authorisation, EmergencyChoices
from shared.errors import ConflictError, InvalidError
from shared.moments import LATEST
from shared.national_ids import LONGEST_INPUT, HolderKind
from shared.terminology.documents import section_labels

LONGEST_LIST = 1000
"""Professionals or organisations a person can name in one list; the state travels whole."""
LONGEST_ATTESTATION = timedelta(days=366)
"""National parameter: how long a structure's word about its care team holds at most."""
REMEMBERED = timedelta(days=366)
"""How long an authorisation that has ended is still known as ended (EXPIRE in TD0.2, `inactive` in FHIR)."""
_CLOCKS_DIFFER = timedelta(minutes=5)
_EASTERNMOST = timedelta(hours=12)
"""Where a French day begins first: Wallis-et-Futuna (UTC+12)."""

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
ACTIONS: Final[tuple[ChangeAction, ...]] = get_args(ChangeAction)
PERSONS: Final = frozenset({"patient", "representative", "carer"})
"""The person's side."""
NEVER_TOO_MANY: Final = frozenset(
    {
        *("end-authorisation", "end-attestation", "end-attending-doctor", "end-application"),
        *("block-professional", "object-to-care-team", "object-to-feeding", "hide-section"),
    }
)
"""What takes a right away is never refused because there were many changes, and counts for none: it takes what another
change gave, which was counted, or fills a list that has an end."""


class HolderBlockedError(ConflictError):
    """You have blocked this professional or structure. Unblock first (DELETE .../blocks/{id})."""

    code = "professional-blocked"
    french = "Vous avez bloqué ce professionnel ou cette structure. Débloquez d’abord, puis recommencez."


class ListFullError(ConflictError):
    """You have already named as many as one list holds. Take one out first."""

    code = "list-full"
    french = "Cette liste est pleine. Retirez d’abord quelqu’un."


class PeriodInvalidError(InvalidError):
    """The end comes after the beginning and after now; what has begun long ago begins now."""

    code = "period-invalid"
    french = "La fin vient après le début et après maintenant."


class AttestationInvalidError(InvalidError):
    """A structure attests for a year at most, of a person informed on a day that has come."""

    code = "attestation-invalid"
    french = "Une structure atteste pour un an au plus, et d’une information déjà donnée."


class SectionUnknownError(InvalidError):
    """This is no section of the record. GET .../choices lists them."""

    code = "section-unknown"
    french = "Cette rubrique n’existe pas."


class Choices(BaseModel):
    """The lists are sorted and name nobody twice; a change leaves one holder at most one authorisation that has begun
    and one to come, and as many attestations."""

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
    """One change: which, about whom or what, and what it says.

    `subject_id`: of a professional or structure as the caller typed it, until it is resolved to the full identifier;
    `kind`: which of the two the caller said it is.
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


def is_valid(one: Authorisation, now: datetime) -> bool:
    """Whether it holds at this moment."""
    return one.since <= now and (one.until is None or now < one.until)


def is_over(one: Authorisation, now: datetime) -> bool:
    """Whether it has ended."""
    return one.until is not None and one.until <= now


def without_past(choices: Choices, now: datetime) -> Choices:
    """Without what ended so long ago that nobody needs to know it as ended; of a full list the oldest ends go first."""
    left = [one for one in choices.authorisations if one.until is None or now < one.until + REMEMBERED]
    ended = sorted((one for one in left if is_over(one, now)), key=lambda one: one.until or now)
    for one in ended[: max(0, len(left) - LONGEST_LIST)]:
        left.remove(one)
    return choices if len(left) == len(choices.authorisations) else _with(choices, authorisations=tuple(left))


def apply_change(choices: Choices, change: Change, by: ActorKind, now: datetime) -> Choices:
    """The choices after a change; the same value when it changes nothing.

    Raises HolderBlockedError, ListFullError, PeriodInvalidError, AttestationInvalidError, SectionUnknownError.
    """
    subject = change.subject_id or ""
    match change.action:
        case "authorise-professional" | "attest-care-team":
            return _authorised(choices, change, by, now)
        case "end-authorisation":
            return _ended(choices, subject, now, team=False)
        case "end-attestation":
            return _attestation_ended(choices, subject, by, now)
        case "block-professional":
            return _blocked(choices, subject, by, now)
        case "unblock-professional":
            return _with(choices, blocked=_without(choices.blocked, subject))
        case "object-to-feeding":
            return _with(choices, feeding_objections=_added(choices.feeding_objections, subject))
        case "withdraw-feeding-objection":
            return _with(choices, feeding_objections=_without(choices.feeding_objections, subject))
        case "name-attending-doctor":
            _refuse_blocked(choices, subject)
            return _with(choices, attending_doctors=_added(choices.attending_doctors, subject))
        case "end-attending-doctor":
            return _with(choices, attending_doctors=_without(choices.attending_doctors, subject))
        case _:
            return _chosen(choices, change, subject)


def _chosen(choices: Choices, change: Change, subject: str) -> Choices:
    match change.action:
        case "hide-section":
            _check_sections([subject])
            return _with(choices, hidden_sections=_added(choices.hidden_sections, subject))
        case "show-section":
            return _with(choices, hidden_sections=_without(choices.hidden_sections, subject))
        case "choose-emergency-access":
            return _with(choices, emergency=change.emergency or choices.emergency)
        case "choose-default-label":
            return _with(choices, mask_new_documents=bool(change.masked))
        case "withdraw-attestation-objection":
            return _with(choices, attestation_objections=_without(choices.attestation_objections, subject))
        case "object-to-care-team":
            return _with(choices, care_team_objected=True)
        case "withdraw-care-team-objection":
            return _with(choices, care_team_objected=False)
        case "reference-application":
            _check_sections(change.sections)
            return _referenced(choices, ApplicationChoice(application_id=subject, sections=_sorted(change.sections)))
        case _:  # end-application
            left = tuple(one for one in choices.applications if one.application_id != subject)
            return _with(choices, applications=left)


def _authorised(choices: Choices, change: Change, by: ActorKind, now: datetime) -> Choices:
    """What begins now takes the place of what has begun, what begins later that of what was to begin later."""
    subject, team = change.subject_id or "", change.action == "attest-care-team"
    _refuse_blocked(choices, subject)
    new = _new_authorisation(change, by, now)
    same = [one for one in choices.authorisations if _is_of(one, subject, team=team)]
    if change.since is None and any(is_valid(one, now) and _says_the_same(one, new) for one in same):
        return choices
    begins_later = new.since > now
    replaced = [one for one in same if is_over(one, now) or (one.since > now) == begins_later]
    others = [one for one in choices.authorisations if one not in replaced]
    if sum(not is_over(one, now) for one in others) >= LONGEST_LIST:
        raise ListFullError
    listed = sorted((*others, new), key=lambda one: (one.holder_id, one.how, one.since))
    return _with(choices, authorisations=tuple(listed))


def _new_authorisation(change: Change, by: ActorKind, now: datetime) -> Authorisation:
    """An end that is as good as none is none, of an authorisation; an attestation always ends."""
    team = change.action == "attest-care-team"
    since = max(change.since or now, now - _CLOCKS_DIFFER)
    until = None if not team and change.until is not None and change.until >= LATEST else change.until
    if since >= LATEST or (until is not None and until <= max(since, now)):
        raise PeriodInvalidError
    if team:
        _check_attestation(change, since, now)
    return Authorisation(
        holder_id=change.subject_id or "",
        since=since,
        until=until,
        given_by=by,
        how="care-team" if team else change.how,
        informed_on=change.informed_on,
    )


def _says_the_same(one: Authorisation, new: Authorisation) -> bool:
    return (one.until, one.how, one.informed_on) == (new.until, new.how, new.informed_on)


def _ended(choices: Choices, subject: str, now: datetime, *, team: bool) -> Choices:
    """What has ended by itself stays known as ended; what is still to begin ends too."""
    left = (one for one in choices.authorisations if is_over(one, now) or not _is_of(one, subject, team=team))
    return _with(choices, authorisations=tuple(left))


def _attestation_ended(choices: Choices, subject: str, by: ActorKind, now: datetime) -> Choices:
    """Ended by the person's side it stays ended: the structure attests no other until they lift that."""
    ended = _ended(choices, subject, now, team=True)
    return _attestation_objected(ended, subject) if by in PERSONS else ended


def _attestation_objected(choices: Choices, subject: str) -> Choices:
    return _with(choices, attestation_objections=_added(choices.attestation_objections, subject))


def _check_attestation(change: Change, since: datetime, now: datetime) -> None:
    informed = change.informed_on
    if informed is None or informed > (now.astimezone(UTC) + _EASTERNMOST).date():
        raise AttestationInvalidError
    if change.until is None or change.until > since + LONGEST_ATTESTATION:
        raise AttestationInvalidError


def _blocked(choices: Choices, subject: str, by: ActorKind, now: datetime) -> Choices:
    """A block ends what the person had given; nothing of it comes back by itself, a structure's attestation neither."""
    held = [one for one in choices.authorisations if one.holder_id == subject]
    blocked = _with(
        choices,
        authorisations=tuple(one for one in choices.authorisations if one not in held),
        attending_doctors=_without(choices.attending_doctors, subject),
        blocked=_added(choices.blocked, subject),
    )
    attested = any(one.how == "care-team" and not is_over(one, now) for one in held)
    return _attestation_objected(blocked, subject) if attested and by in PERSONS else blocked


def _referenced(choices: Choices, application: ApplicationChoice) -> Choices:
    others = [one for one in choices.applications if one.application_id != application.application_id]
    if len(others) >= LONGEST_LIST:
        raise ListFullError
    return _with(choices, applications=tuple(sorted((*others, application), key=lambda one: one.application_id)))


def _refuse_blocked(choices: Choices, subject: str) -> None:
    if subject in choices.blocked:
        raise HolderBlockedError


def _check_sections(sections: Iterable[str]) -> None:
    if not {*sections} <= {*section_labels()}:
        raise SectionUnknownError


def _is_of(one: Authorisation, subject: str, *, team: bool) -> bool:
    return one.holder_id == subject and (one.how == "care-team") == team


def _with(choices: Choices, **changed: object) -> Choices:
    return choices.model_copy(update=changed)


def _added(listed: tuple[str, ...], one: str) -> tuple[str, ...]:
    if one not in listed and len(listed) >= LONGEST_LIST:
        raise ListFullError
    return _sorted({*listed, one})


def _sorted(listed: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({*listed}))


def _without(listed: tuple[str, ...], one: str) -> tuple[str, ...]:
    return tuple(other for other in listed if other != one)
