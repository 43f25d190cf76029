"""The pages that change choices: what will apply, then the change, which leads back once it is in force."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Annotated, Final
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Query, Request
from starlette.responses import Response

from services.consent.choices.context import ChoicesContext, InjectedChoicesContext
from services.consent.choices.domain.choices import Change, ChangeAction
from services.consent.choices.pages import views
from services.consent.choices.usecases.change_choices import change_choices
from services.consent.choices.usecases.view_choices import view_choices
from services.consent.choices.usecases.wait_until_in_force import wait_until_in_force
from services.consent.directory.usecases.find_names import find_names
from shared.contracts.consent import EmergencyChoices
from shared.errors import ClientError, InvalidError
from shared.http.app import AuthenticatedCaller
from shared.http.tokens import Caller
from shared.moments import FRANCE
from shared.national_ids import LONGEST_INPUT
from shared.runtime import clock
from shared.terminology.documents import section_label
from shared.web.doors import page_router
from shared.web.forms import Form, read_form
from shared.web.languages import language_of
from shared.web.pages import message_of, pages_of
from shared.web.session import see_other

LONGEST_WAIT_S: Final = 5.0
DURATIONS: Final[Mapping[str, timedelta | None]] = {
    "never": None,
    "week": timedelta(days=7),
    "month": timedelta(days=30),
    "half-year": timedelta(days=182),
    "year": timedelta(days=365),
}
ACTIONS: Final[tuple[ChangeAction, ...]] = (
    *("authorise-professional", "end-authorisation", "block-professional", "unblock-professional"),
    *("name-attending-doctor", "end-attending-doctor", "end-attestation", "withdraw-attestation-objection"),
    *("object-to-care-team", "withdraw-care-team-objection", "choose-emergency-access", "choose-default-label"),
    *("hide-section", "show-section", "object-to-feeding", "withdraw-feeding-objection", "end-application"),
)
"""The changes that the pages offer."""
SHOWN_REFUSALS: Final = frozenset(
    {
        *("professional-blocked", "list-full", "period-invalid", "section-unknown", "attending-doctor-unknown"),
        *("record-closed", "too-many-changes", "national-id-invalid", "national-id-ambiguous", "version-differs"),
        "change-not-permitted",
    }
)
"""The refusals that are shown where the change was to be confirmed."""
REWORDED: Final = frozenset(
    {
        *("professional-blocked", "attending-doctor-unknown", "national-id-invalid", "national-id-ambiguous"),
        *("record-closed", "version-differs"),
    }
)
"""The refusals for which the pages have words of their own, because those of the API name its routes."""
router = page_router()


class ChangeUnknownError(InvalidError):
    """This form states no change that the page knows. Start again from the page of the choices."""

    code = "change-unknown"
    french = "Ce formulaire ne dit pas quel choix changer. Recommencez depuis la page des choix."


@router.get("/dossier/{record_id}/acces/changer")
async def show_check(
    request: Request,
    record_id: UUID,
    caller: AuthenticatedCaller,
    context: InjectedChoicesContext,
    action: Annotated[str, Query(max_length=40)] = "",
    subject: Annotated[str, Query(max_length=LONGEST_INPUT)] = "",
    masked: Annotated[str, Query(max_length=1)] = "",
) -> Response:
    """Shows what a change will do, with the form that confirms it."""
    fields = (("action", action), ("subject", subject), ("masked", masked))
    return await _check_page(request, record_id, caller, context, Form(fields))


@router.post("/dossier/{record_id}/acces/changer")
async def check_form(
    request: Request, record_id: UUID, caller: AuthenticatedCaller, context: InjectedChoicesContext
) -> Response:
    """Shows what a change with several values will do. It has no effect."""
    return await _check_page(request, record_id, caller, context, await read_form(request))


@router.get("/dossier/{record_id}/acces/urgence")
async def show_emergency_form(
    request: Request, record_id: UUID, caller: AuthenticatedCaller, context: InjectedChoicesContext
) -> Response:
    """Shows the form of the choices for emergencies."""
    state = await view_choices(context.pool, record_id, caller, context.rules.max_copy_age)
    return pages_of(request).page(
        request,
        "choices/emergency.html",
        emergency=state.choices.emergency,
        version=state.version,
        base=f"/dossier/{record_id}/acces",
    )


@router.post("/dossier/{record_id}/acces")
async def confirm(
    request: Request, record_id: UUID, caller: AuthenticatedCaller, context: InjectedChoicesContext
) -> Response:
    """Makes a change, waits until it is in force, and leads back to the choices.

    A form that is sent twice changes nothing the second time: a change states what is to apply afterwards.
    """
    form = await read_form(request)
    change = change_of(form)
    try:
        outcome = await change_choices(context.pool, record_id, caller, change, version_of(form), context.rules)
    except ClientError as error:
        if error.code not in SHOWN_REFUSALS:
            raise
        return await _check_page(request, record_id, caller, context, form, error)
    version = outcome.state.version
    state = await wait_until_in_force(context, record_id, version, LONGEST_WAIT_S)
    result = {"version": str(version)}
    if state.version_in_force >= version and not outcome.state.is_in_force:
        took = clock.now() - outcome.state.changed_at
        result["ms"] = str(max(0, round(took.total_seconds() * 1000)))
    return see_other(f"/dossier/{record_id}/acces?{urlencode(result)}")


def change_of(form: Form) -> Change:
    """Returns the change that a form states. Raises ChangeUnknownError."""
    action = next((offered for offered in ACTIONS if offered == form.text("action")), None)
    if action is None or form.text("duration") not in (*DURATIONS, ""):
        raise ChangeUnknownError
    lasting = DURATIONS.get(form.text("duration"))
    emergency = EmergencyChoices(
        break_glass=form.is_checked("break-glass"),
        regulation_centre=form.is_checked("regulation-centre"),
        masked_documents=form.is_checked("masked-documents"),
    )
    return Change(
        action=action,
        subject_id=form.text("subject")[:LONGEST_INPUT] or None,
        until=None if lasting is None else _end_of_day(lasting),
        emergency=emergency if action == "choose-emergency-access" else None,
        masked=form.is_checked("masked") if action == "choose-default-label" else None,
    )


def _end_of_day(lasting: timedelta) -> datetime:
    """Returns the end of the last day, in French time: two forms of one day state the same end."""
    day = clock.now().astimezone(FRANCE).date() + lasting + timedelta(days=1)
    return datetime.combine(day, time(), FRANCE)


def version_of(form: Form) -> int | None:
    """Returns the version on which a form with several values rests; None for a form that states a single change."""
    text = form.text("version")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _refusal_text(request: Request, error: ClientError) -> str:
    """Returns what a refusal says: in the words of the pages, which name their links, else in the error's own."""
    if error.code in REWORDED:
        return str(pages_of(request).words(language_of(request))(f"choice-refusal.{error.code}"))
    return message_of(request, error)


async def _check_page(  # what a route has, and the refusal
    request: Request,
    record_id: UUID,
    caller: Caller,
    context: ChoicesContext,
    form: Form,
    error: ClientError | None = None,
) -> Response:
    change = change_of(form)
    state = await view_choices(context.pool, record_id, caller, context.rules.max_copy_age)
    subject = change.subject_id
    names = {} if subject is None else await find_names(context.pool, [subject])
    is_section = change.action in ("hide-section", "show-section")
    return pages_of(request).page(
        request,
        "choices/check.html",
        status=200 if error is None else error.status,
        change=change,
        subject=None if subject is None or is_section else views.holder_of(subject, names),
        section=section_label(subject or "") if is_section else None,
        fields=[(name, value) for name, value in form.fields if name in (*views.FIELDS, "version") and value],
        durations=tuple(DURATIONS),
        emergency=change.emergency,
        is_in_force=state.is_in_force,
        refusal=None if error is None else _refusal_text(request, error),
        base=f"/dossier/{record_id}/acces",
    )
