"""The pages that show choices: those in force, their history, and the search of the directory."""

from typing import Annotated, get_args
from uuid import UUID

from fastapi import Query, Request
from starlette.responses import Response

from services.consent.choices.context import InjectedChoicesContext
from services.consent.choices.domain.choices import ChangeAction
from services.consent.choices.pages import views
from services.consent.choices.usecases.view_choices import view_choices, view_history
from services.consent.directory.domain import SearchWordsMissingError, query_of
from services.consent.directory.usecases.find_names import find_names
from services.consent.directory.usecases.search_directory import search_directory
from shared.contracts.base import CODE_PATTERN
from shared.http.app import AuthenticatedCaller
from shared.national_ids import full_ids
from shared.runtime import clock
from shared.terminology.professions import DOCTOR
from shared.web.doors import page_router
from shared.web.forms import FieldErrors
from shared.web.languages import language_of
from shared.web.pages import pages_of

CHANGES_ON_A_PAGE = 30
LATEST_VERSION = 2**31 - 1
SEARCHED_ACTIONS = ("authorise-professional", "block-professional", "name-attending-doctor", "object-to-feeding")
"""The changes about somebody whom the patient first searches in the directory."""
NAMED_CHANGES = frozenset({*get_args(ChangeAction), "open-record", "name-in-full", "recover-state"})
"""The actions of the history that have words."""
router = page_router()


@router.get("/dossier/{record_id}/acces")
async def show_access(
    request: Request,
    record_id: UUID,
    caller: AuthenticatedCaller,
    context: InjectedChoicesContext,
    version: Annotated[int, Query(ge=0, le=LATEST_VERSION)] = 0,
    ms: Annotated[int | None, Query(ge=0, le=600_000)] = None,
) -> Response:
    """Shows all choices. `version`: the one that a change has just made; `ms`: how long it took to come into force."""
    state = await view_choices(context.pool, record_id, caller, context.rules.max_copy_age)
    names = await find_names(context.pool, views.ids_in(state.choices))
    return pages_of(request).page(
        request,
        "choices/access.html",
        state=state,
        choices=state.choices,
        shown=views.choices_page(state.choices, names, clock.now(), pages_of(request).words(language_of(request))),
        base=f"/dossier/{record_id}/acces",
        record=f"/dossier/{record_id}",
        took_ms=ms if 0 < version <= state.version_in_force else None,
    )


@router.get("/dossier/{record_id}/acces/versions")
async def show_versions(
    request: Request,
    record_id: UUID,
    caller: AuthenticatedCaller,
    context: InjectedChoicesContext,
    avant: Annotated[int, Query(ge=1, le=LATEST_VERSION)] = LATEST_VERSION,
) -> Response:
    """Shows the changes of the choices, newest first."""
    max_age = context.rules.max_copy_age
    page = await view_history(context.pool, record_id, caller, max_age, before=avant, count=CHANGES_ON_A_PAGE)
    ids = {entry.subject_id for entry in page.entries if entry.subject_id is not None}
    ids |= {entry.actor_id for entry in page.entries if entry.actor_kind == "professional"}
    names = await find_names(context.pool, ids)
    changes = [
        (entry, views.subject_label(entry, names), _is_own(entry.actor_kind, entry.actor_id, caller.kind, caller.id))
        for entry in page.entries
    ]
    return pages_of(request).page(
        request,
        "choices/versions.html",
        changes=changes,
        done={
            entry.action: f"choice-done.{entry.action if entry.action in NAMED_CHANGES else 'other'}"
            for entry in page.entries
        },
        names=names,
        base=f"/dossier/{record_id}/acces",
        older=page.entries[-1].version if page.has_more else None,
    )


@router.get("/dossier/{record_id}/acces/chercher")
async def search(  # noqa: PLR0913  # each is a field of the form
    request: Request,
    record_id: UUID,
    caller: AuthenticatedCaller,
    context: InjectedChoicesContext,
    pour: Annotated[str, Query(pattern=CODE_PATTERN, max_length=40)] = SEARCHED_ACTIONS[0],
    nom: Annotated[str | None, Query(max_length=100)] = None,
    lieu: Annotated[str, Query(max_length=100)] = "",
    profession: Annotated[str, Query(max_length=64)] = "",
    apres: Annotated[str | None, Query(pattern=CODE_PATTERN, max_length=64)] = None,
) -> Response:
    """Searches the directory for the subject of a change. It has no effect; a result leads to the change's check."""
    action = pour if pour in SEARCHED_ACTIONS else SEARCHED_ACTIONS[0]
    searched_profession = DOCTOR if action == "name-attending-doctor" else profession or None
    errors, page = FieldErrors(), None
    is_number = full_ids((nom or "").strip(), None) != ()
    if nom is not None and not is_number:
        try:
            page = await search_directory(context.pool, caller, query_of(nom, lieu, searched_profession), apres)
        except SearchWordsMissingError:
            errors.add("nom", "directory.words-missing")
    results = [] if page is None else [views.named_holder(result) for result in page.results]
    if action == "object-to-feeding":
        results = [result for result in results if result.profession is None]
    return pages_of(request).page(
        request,
        "choices/search.html",
        action=action,
        nom=nom or "",
        lieu=lieu,
        profession=profession,
        professions=views.profession_choices(),
        errors=errors,
        results=None if page is None else results,
        typed_number=(nom or "").strip() if is_number else None,
        more=page.results[-1].id if page is not None and page.has_more else None,
        base=f"/dossier/{record_id}/acces",
    )


def _is_own(actor_kind: str, actor_id: str, caller_kind: str, caller_id: str) -> bool:
    return (actor_kind, actor_id) == (caller_kind, caller_id)
