"""Applies a change to the choices of a patient."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta

from services.consent.choices.domain.choices import (
    LONGEST_LIST,
    Change,
    Choices,
    has_collected_objection,
    has_ended,
    is_valid,
    sort_key,
)
from shared.access.facts import PATIENT_SIDE
from shared.contracts.base import ActorKind
from shared.contracts.consent import ApplicationChoice, Authorisation, CollectedObjection
from shared.errors import ConflictError, InvalidError
from shared.moments import LATEST
from shared.terminology.documents import section_labels

LONGEST_ATTESTATION = timedelta(days=366)
"""The national parameter: how long the attestation of a care team lasts at most."""
_CLOCKS_DIFFER = timedelta(minutes=5)
_EASTERNMOST = timedelta(hours=12)  # UTC+12, Wallis-et-Futuna: where a French day begins first


class GranteeBlockedError(ConflictError):
    """You have blocked this professional or structure. Unblock first (DELETE .../blocks/{id})."""

    code = "professional-blocked"
    french = "Vous avez bloqué ce professionnel ou cette structure. Débloquez d’abord, puis recommencez."


class ListFullError(ConflictError):
    """This list is full. Take an entry out first."""

    code = "list-full"
    french = "Cette liste est pleine. Retirez d’abord une entrée."


class PeriodInvalidError(InvalidError):
    """The end must be after the beginning and in the future; a beginning in the past counts as now."""

    code = "period-invalid"
    french = "La fin vient après le début et après maintenant."


class AttestationInvalidError(InvalidError):
    """A structure attests for a year at most, and the day on which the patient was informed is not in the future."""

    code = "attestation-invalid"
    french = "Une structure atteste pour un an au plus, et d’une information déjà donnée."


class SectionUnknownError(InvalidError):
    """The record has no such section. GET .../choices lists the hidden sections."""

    code = "section-unknown"
    french = "Cette rubrique n’existe pas."


def apply_change(choices: Choices, change: Change, by: ActorKind, now: datetime) -> Choices:
    """Returns the choices after a change; equal choices if it changes nothing.

    Raises GranteeBlockedError, ListFullError, PeriodInvalidError, AttestationInvalidError, SectionUnknownError.
    """
    grantee_id = change.subject_id or ""
    match change.action:
        case "authorise-professional" | "attest-care-team":
            return _with_authorisation(choices, change, by, now)
        case "end-authorisation":
            return _without_authorisations_of(choices, grantee_id, now, is_attestation=False)
        case "end-attestation":
            return _without_attestation(choices, grantee_id, by, now)
        case "block-professional":
            return _with_block(choices, grantee_id, by, now)
        case "unblock-professional":
            return _replaced(choices, blocked=_without_item(choices.blocked, grantee_id))
        case "object-to-feeding":
            return _with_objection(choices, change, by)
        case "withdraw-feeding-objection":
            return _without_objection(choices, grantee_id, by)
        case "name-attending-doctor":
            _refuse_blocked(choices, grantee_id)
            return _replaced(choices, attending_doctors=_with_item(choices.attending_doctors, grantee_id))
        case "end-attending-doctor":
            return _replaced(choices, attending_doctors=_without_item(choices.attending_doctors, grantee_id))
        case _:
            return _with_setting(choices, change, grantee_id)


def _with_setting(choices: Choices, change: Change, subject_id: str) -> Choices:
    match change.action:
        case "hide-section":
            _check_sections([subject_id])
            return _replaced(choices, hidden_sections=_with_item(choices.hidden_sections, subject_id))
        case "show-section":
            return _replaced(choices, hidden_sections=_without_item(choices.hidden_sections, subject_id))
        case "choose-emergency-access":
            return _replaced(choices, emergency=change.emergency or choices.emergency)
        case "choose-default-label":
            return _replaced(choices, mask_new_documents=bool(change.masked))
        case "withdraw-attestation-objection":
            return _replaced(choices, attestation_objections=_without_item(choices.attestation_objections, subject_id))
        case "object-to-care-team":
            return _replaced(choices, care_team_objected=True)
        case "withdraw-care-team-objection":
            return _replaced(choices, care_team_objected=False)
        case "reference-application":
            _check_sections(change.sections)
            application = ApplicationChoice(application_id=subject_id, sections=tuple(sorted({*change.sections})))
            return _with_application(choices, application)
        case _:  # end-application
            return _replaced(choices, applications=_applications_except(choices, subject_id))


def _with_authorisation(choices: Choices, change: Change, by: ActorKind, now: datetime) -> Choices:
    """Returns the choices with a new authorisation.

    One that begins now replaces the one that has begun; a later one replaces the one to come.
    """
    grantee_id, is_attestation = change.subject_id or "", change.action == "attest-care-team"
    _refuse_blocked(choices, grantee_id)
    of_grantee = _authorisations_of(choices, grantee_id, is_attestation=is_attestation)
    new = _new_authorisation(change, by, now)
    valid = [authorisation for authorisation in of_grantee if is_valid(authorisation, now)]
    if change.since is None and any(_has_same_terms(authorisation, new) for authorisation in valid):
        return choices
    replaced = [authorisation for authorisation in of_grantee if (authorisation.since > now) == (new.since > now)]
    replaced += [authorisation for authorisation in of_grantee if has_ended(authorisation, now)]
    remaining = _authorisations_except(choices, replaced)
    if sum(not has_ended(authorisation, now) for authorisation in remaining) >= LONGEST_LIST:
        raise ListFullError
    return _replaced(choices, authorisations=tuple(sorted((*remaining, new), key=sort_key)))


def check_period(since: datetime | None, until: datetime | None) -> None:
    """Raises PeriodInvalidError when a period does not end after its beginning."""
    if since is not None and until is not None and until <= since:
        raise PeriodInvalidError


def _new_authorisation(change: Change, by: ActorKind, now: datetime) -> Authorisation:
    """Returns the new authorisation; an end at or after `LATEST` means none, except for an attestation."""
    is_attestation = change.action == "attest-care-team"
    since = max(change.since or now, now - _CLOCKS_DIFFER)
    until = None if not is_attestation and change.until is not None and change.until >= LATEST else change.until
    if since >= LATEST or (until is not None and until <= max(since, now)):
        raise PeriodInvalidError
    if is_attestation:
        _check_attestation(change, since, now)
    return Authorisation(
        holder_id=change.subject_id or "",
        since=since,
        until=until,
        given_by=by,
        how="care-team" if is_attestation else change.how,
        informed_on=change.informed_on,
    )


def _has_same_terms(authorisation: Authorisation, new: Authorisation) -> bool:
    return (authorisation.until, authorisation.how, authorisation.informed_on) == (new.until, new.how, new.informed_on)


def _without_authorisations_of(choices: Choices, grantee_id: str, now: datetime, *, is_attestation: bool) -> Choices:
    """Returns the choices without valid or future authorisations of a holder; those that have ended stay."""
    of_grantee = _authorisations_of(choices, grantee_id, is_attestation=is_attestation)
    ending = [authorisation for authorisation in of_grantee if not has_ended(authorisation, now)]
    return _replaced(choices, authorisations=_authorisations_except(choices, ending))


def _without_attestation(choices: Choices, grantee_id: str, by: ActorKind, now: datetime) -> Choices:
    """Returns the choices without an attestation.

    If the patient side ends it, the structure cannot attest again before they withdraw their objection.
    """
    ended = _without_authorisations_of(choices, grantee_id, now, is_attestation=True)
    return _with_attestation_objection(ended, grantee_id) if by in PATIENT_SIDE else ended


def _with_attestation_objection(choices: Choices, grantee_id: str) -> Choices:
    return _replaced(choices, attestation_objections=_with_item(choices.attestation_objections, grantee_id))


def _check_attestation(change: Change, since: datetime, now: datetime) -> None:
    informed_on, until = change.informed_on, change.until
    today = (now.astimezone(UTC) + _EASTERNMOST).date()
    if informed_on is None or informed_on > today or until is None or until > since + LONGEST_ATTESTATION:
        raise AttestationInvalidError


def _with_block(choices: Choices, grantee_id: str, by: ActorKind, now: datetime) -> Choices:
    """Returns the choices with a block.

    A block ends all authorisations; unblocking brings none back, and no attestation of a structure.
    """
    of_grantee = [authorisation for authorisation in choices.authorisations if authorisation.holder_id == grantee_id]
    blocked = _replaced(
        choices,
        authorisations=_authorisations_except(choices, of_grantee),
        attending_doctors=_without_item(choices.attending_doctors, grantee_id),
        blocked=_with_item(choices.blocked, grantee_id),
    )
    lasting = [authorisation for authorisation in of_grantee if not has_ended(authorisation, now)]
    had_attestation = any(authorisation.how == "care-team" for authorisation in lasting)
    return _with_attestation_objection(blocked, grantee_id) if had_attestation and by in PATIENT_SIDE else blocked


def _with_objection(choices: Choices, change: Change, by: ActorKind) -> Choices:
    """Returns the choices with an objection to deposits.

    One of the patient side is their own from then on. One that a structure collected does not replace theirs.
    """
    structure_id = change.subject_id or ""
    collected = _collected_except(choices, structure_id)
    if by not in PATIENT_SIDE:
        if structure_id in choices.feeding_objections:
            return choices
        if change.informed_on is not None:
            objection = CollectedObjection(structure_id=structure_id, informed_on=change.informed_on)
            collected = (*collected, objection)
    return _replaced(
        choices,
        feeding_objections=_with_item(choices.feeding_objections, structure_id),
        collected_objections=tuple(sorted(collected, key=lambda objection: objection.structure_id)),
    )


def _without_objection(choices: Choices, structure_id: str, by: ActorKind) -> Choices:
    """Returns the choices without an objection; others than the patient side end only what a structure collected."""
    if by not in PATIENT_SIDE and not has_collected_objection(choices, structure_id):
        return choices
    return _replaced(
        choices,
        feeding_objections=_without_item(choices.feeding_objections, structure_id),
        collected_objections=_collected_except(choices, structure_id),
    )


def _collected_except(choices: Choices, structure_id: str) -> tuple[CollectedObjection, ...]:
    return tuple(objection for objection in choices.collected_objections if objection.structure_id != structure_id)


def _with_application(choices: Choices, application: ApplicationChoice) -> Choices:
    remaining = _applications_except(choices, application.application_id)
    if len(remaining) >= LONGEST_LIST:
        raise ListFullError
    listed = sorted((*remaining, application), key=lambda referenced: referenced.application_id)
    return _replaced(choices, applications=tuple(listed))


def _applications_except(choices: Choices, id: str) -> tuple[ApplicationChoice, ...]:
    return tuple(application for application in choices.applications if application.application_id != id)


def _refuse_blocked(choices: Choices, grantee_id: str) -> None:
    if grantee_id in choices.blocked:
        raise GranteeBlockedError


def _check_sections(sections: Iterable[str]) -> None:
    if not {*sections} <= {*section_labels()}:
        raise SectionUnknownError


def _authorisations_of(choices: Choices, grantee_id: str, *, is_attestation: bool) -> list[Authorisation]:
    of_grantee = (authorisation for authorisation in choices.authorisations if authorisation.holder_id == grantee_id)
    return [authorisation for authorisation in of_grantee if (authorisation.how == "care-team") == is_attestation]


def _authorisations_except(choices: Choices, excluded: Collection[Authorisation]) -> tuple[Authorisation, ...]:
    return tuple(authorisation for authorisation in choices.authorisations if authorisation not in excluded)


def _replaced(choices: Choices, **changed: object) -> Choices:
    return choices.model_copy(update=changed)


def _with_item(items: tuple[str, ...], item: str) -> tuple[str, ...]:
    if item not in items and len(items) >= LONGEST_LIST:
        raise ListFullError
    return tuple(sorted({*items, item}))


def _without_item(items: tuple[str, ...], item: str) -> tuple[str, ...]:
    return tuple(kept for kept in items if kept != item)
