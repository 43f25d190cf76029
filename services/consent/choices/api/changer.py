"""Makes one change to the choices for a route: reads the caller, the expected version and the time to wait."""

import re
from datetime import datetime
from typing import Annotated, NamedTuple
from uuid import UUID

from fastapi import Depends, Header, Request, Response
from fastapi.responses import JSONResponse

from services.consent.choices.context import InjectedChoicesContext
from services.consent.choices.domain.choices import Change
from services.consent.choices.domain.states import VersionDiffersError
from services.consent.choices.models import UNKNOWN_ID_WARNING, UNKNOWN_ID_WARNING_FR, ChangeView, ChoicesView
from services.consent.choices.usecases.change_choices import ChangeOutcome, change_choices
from services.consent.choices.usecases.view_choices import find_latest_version_about
from services.consent.choices.usecases.wait_until_in_force import wait_until_in_force
from shared.access.facts import PATIENT_SIDE
from shared.errors import InvalidError
from shared.http.app import AuthenticatedCaller
from shared.http.outcomes import is_fhir, render
from shared.http.prefer import seconds_to_wait
from shared.http.problems import prefers_french
from shared.runtime import clock

Prefer = Annotated[
    str | None, Header(description="`wait=N`: answer as soon as the change is in force, after N seconds at most.")
]
IfMatch = Annotated[
    str | None, Header(description='The version that the change is based on, such as `"4"`: the `ETag` of a GET.')
]
_ETAG = re.compile(r'(?:W/)?"?(\d{1,9})"?', re.ASCII)


class EtagInvalidError(InvalidError):
    """If-Match must be the version that the change is based on, as the ETag of a GET gives it: "4"."""

    code = "etag-invalid"
    french = 'If-Match est la version qui a été vue, comme l’ETag d’un GET la donne : "4".'


def render_version_differs(request: Request, error: Exception) -> Response:
    """Answers 412 with the current choices (RFC 9110, section 13.1.1)."""
    assert isinstance(error, VersionDiffersError)
    if is_fhir(request.url.path):
        french = error.french if prefers_french(request.headers.get("accept-language", "")) else None
        response = render(request, error.status, error.code, french or str(error))
        response.headers["etag"] = f"W/{etag_of(error.current.version)}"
        response.headers.update({"content-language": "fr" if french else "en", "vary": "accept-language"})
        return response
    view = ChoicesView.of(error.current).model_dump(mode="json", by_alias=True)
    return JSONResponse(view, error.status, {"etag": etag_of(error.current.version)})


def etag_of(version: int | str) -> str:
    """Returns the entity tag of a version."""
    return f'"{version}"'


class AppliedChange(NamedTuple):
    """The answer to a change, and the full identifier of its subject; empty for a change without one."""

    view: ChangeView
    subject_id: str


class ChoiceChanger:
    """A FastAPI dependency that changes the choices of one record and waits until the change is in force."""

    def __init__(
        self,
        request: Request,
        record_id: UUID,
        caller: AuthenticatedCaller,
        context: InjectedChoicesContext,
        response: Response,
        prefer: Prefer = None,
        if_match: IfMatch = None,
    ) -> None:
        self.record_id = record_id
        self.caller = caller
        self.pool = context.pool
        self._response = response
        self._context = context
        self._wait_s = seconds_to_wait(prefer)
        self._sees_choices = caller.kind in PATIENT_SIDE
        self._expected_version = _expected_version(if_match) if self._sees_choices else None
        self._answers_in_french = prefers_french(request.headers.get("accept-language", ""))

    async def apply(self, change: Change) -> ChangeView:
        """Makes a change and waits for as long as `Prefer` asks.

        The response is 200 if the change is in force, else 202.
        """
        return (await self.apply_to_subject(change)).view

    async def apply_to_subject(self, change: Change) -> AppliedChange:
        """Makes a change like `apply`; also returns the full identifier of its subject."""
        outcome = await change_choices(
            self.pool, self.record_id, self.caller, change, self._expected_version, self._context.rules
        )
        return AppliedChange(await self._wait(outcome), outcome.subject_id or "")

    async def _wait(self, outcome: ChangeOutcome) -> ChangeView:
        state = outcome.state
        version, latest = state.version, state
        if not self._sees_choices:  # the caller must not learn that other choices have changed since
            version = await find_latest_version_about(self.pool, self.record_id, outcome.subject_id)
        if self._wait_s:
            latest = await wait_until_in_force(self._context, self.record_id, version, self._wait_s)
        warning = None if outcome.is_known else UNKNOWN_ID_WARNING_FR if self._answers_in_french else UNKNOWN_ID_WARNING
        view = ChangeView.of(version, latest.version_in_force, sees_choices=self._sees_choices, warning=warning)
        self._response.status_code = 200 if view.status == "in-force" else 202
        if self._sees_choices:
            self._set_version_headers(view, state.changed_at)
        return view

    def _set_version_headers(self, view: ChangeView, changed_at: datetime) -> None:
        if view.version is not None:
            self._response.headers["etag"] = etag_of(view.version)
        if self._wait_s and view.status == "in-force":
            duration_ms = (clock.now() - changed_at).total_seconds() * 1000
            self._response.headers["server-timing"] = f"in-force;dur={duration_ms:.0f}"


def _expected_version(if_match: str | None) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    match = _ETAG.fullmatch(if_match.strip())
    if match is None:
        raise EtagInvalidError
    return int(match[1])


InjectedChanger = Annotated[ChoiceChanger, Depends()]
