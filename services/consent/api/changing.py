"""One change as a dependency of a route: who asks, of which record, what is expected, how long to wait."""

import re
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Header, Request, Response
from fastapi.responses import JSONResponse

from services.consent.domain.choices import PERSONS, Change
from services.consent.domain.states import VersionDiffersError
from services.consent.models.choices import UNKNOWN, UNKNOWN_IN_FRENCH, ChangeView, ChoicesView
from services.consent.usecases.change_choices import ChangeOutcome, Terms, change_choices
from services.consent.usecases.see_choices import see_choices, version_about
from services.consent.waking import InForce
from shared.errors import InvalidError
from shared.http.app import AuthenticatedCaller, ServicePool, copy_limit_of
from shared.http.outcomes import is_fhir, render
from shared.http.prefer import seconds_to_wait
from shared.http.problems import prefers_french
from shared.runtime import clock

Prefer = Annotated[
    str | None, Header(description="`wait=N`: answer when the change is in force, N seconds later at most.")
]
IfMatch = Annotated[str | None, Header(description='The version that was seen, such as `"4"` (`ETag` of a GET).')]
_ETAG = re.compile(r'(?:W/)?"?(\d{1,9})"?')


class EtagInvalidError(InvalidError):
    """If-Match is the version that was seen, as the ETag of a GET gives it: "4"."""

    code = "etag-invalid"
    french = 'If-Match est la version qui a été vue, comme l’ETag d’un GET la donne : "4".'


def show_present(request: Request, error: Exception) -> Response:
    """412 with the choices as they are now (RFC 9110, section 13.1.1)."""
    assert isinstance(error, VersionDiffersError)
    if is_fhir(request.url.path):
        french = error.french if prefers_french(request.headers.get("accept-language", "")) else None
        response = render(request, error.status, error.code, french or str(error))
        response.headers["etag"] = f"W/{etag_of(error.present.version)}"
        response.headers.update({"content-language": "fr" if french else "en", "vary": "accept-language"})
        return response
    view = ChoicesView.of(error.present).model_dump(mode="json", by_alias=True)
    return JSONResponse(view, error.status, {"etag": etag_of(error.present.version)})


def etag_of(version: int | str) -> str:
    """The entity tag of a version."""
    return f'"{version}"'


class Changing:
    """What every change needs."""

    def __init__(
        self,
        request: Request,
        record_id: UUID,
        caller: AuthenticatedCaller,
        pool: ServicePool,
        response: Response,
        prefer: Prefer = None,
        if_match: IfMatch = None,
    ) -> None:
        self.record_id = record_id
        self.caller = caller
        self.pool = pool
        self._response = response
        self._in_force: InForce = request.app.state.in_force
        self._terms = Terms(copy_limit_of(request), request.app.state.occupational_medicine)
        self._seconds = seconds_to_wait(prefer)
        self._sees_choices = caller.kind in PERSONS
        self._expected = _version(if_match) if self._sees_choices else None
        self._french = prefers_french(request.headers.get("accept-language", ""))

    async def make(self, change: Change) -> ChangeView:
        """Changes, then waits as long as was asked for. 200 when in force, 202 when on its way."""
        view, _ = await self.make_about(change)
        return view

    async def make_about(self, change: Change) -> tuple[ChangeView, str]:
        """The same, and whom it was about in full."""
        changed = await change_choices(self.pool, self.record_id, self.caller, change, self._expected, self._terms)
        view = await self._wait(changed)
        return view, changed.subject_id or ""

    async def _wait(self, changed: ChangeOutcome) -> ChangeView:
        state = changed.state
        version, latest = state.version, state
        if not self._sees_choices:  # that somebody has chosen something else since is not theirs to know
            version = await version_about(self.pool, self.record_id, changed.subject_id)
        if self._seconds:
            latest = await self._in_force.wait_for(
                self.record_id,
                lambda: see_choices(self.pool, self.record_id),
                lambda found: found.version_in_force >= version,
                self._seconds,
            )
        warning = None if changed.is_known else UNKNOWN_IN_FRENCH if self._french else UNKNOWN
        view = ChangeView.of(version, latest.version_in_force, sees_choices=self._sees_choices, warning=warning)
        self._response.status_code = 200 if view.status == "in-force" else 202
        if self._sees_choices:
            self._tell_version(view, state.changed_at)
        return view

    def _tell_version(self, view: ChangeView, changed_at: datetime) -> None:
        if view.version is not None:
            self._response.headers["etag"] = etag_of(view.version)
        if self._seconds and view.status == "in-force":
            took = (clock.now() - changed_at).total_seconds() * 1000
            self._response.headers["server-timing"] = f"in-force;dur={took:.0f}"


def _version(if_match: str | None) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    match = _ETAG.fullmatch(if_match.strip())
    if match is None:
        raise EtagInvalidError
    return int(match[1])


ChangingHere = Annotated[Changing, Depends()]
