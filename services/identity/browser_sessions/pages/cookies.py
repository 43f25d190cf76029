"""The cookies of a browser's session (RFC 6265bis): no script reads them, and none leaves this origin.

`SameSite=Lax`, because who follows the link of a mail must arrive signed in. The session's own cookie goes to
`/session` alone, so that no other service ever sees what continues a session.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

from starlette.responses import Response

from services.identity.browser_sessions.steps.start_session import BrowserTokens
from services.identity.browser_sessions.usecases.name_record import NamedRecord
from services.identity.browser_sessions.usecases.renew_browser_session import RenewedTokens
from services.identity.clients.domain.tokens import AccessToken
from shared.web.session import ACCESS, ACTING, HOLDER, Holder, holder_cookie

SESSION: Final = "__Secure-session"
SESSION_PATH: Final = "/session"
DEVICE: Final = "__Secure-device"
"""The token of the person's own device: attempts of strangers do not slow it down, and its sign-in is no news."""
DEVICE_PATH: Final = "/connexion"
CLEAR_SITE_DATA: Final = {"clear-site-data": '"cache", "cookies", "storage"'}
"""What a browser deletes when somebody signs out: also the cookies that name the records they looked at."""


def record_path(record_id: UUID) -> str:
    """Returns the path of the pages of a record, with which alone its cookies go."""
    return f"/dossier/{record_id}"


def set_session(response: Response, tokens: BrowserTokens) -> None:
    """Sets the cookies of a session that has just started."""
    _set(response, SESSION, tokens.session, SESSION_PATH, tokens.kept_until)
    _set(response, ACCESS, tokens.access.text, "/", tokens.kept_until)
    if tokens.device is not None:
        _set(response, DEVICE, tokens.device, DEVICE_PATH, tokens.kept_until)


def set_renewed(response: Response, renewed: RenewedTokens) -> None:
    """Sets the access tokens of a session that goes on."""
    _set(response, ACCESS, renewed.access.text, "/", renewed.kept_until)
    if renewed.acting is not None and renewed.record_id is not None:
        set_acting(response, renewed.record_id, renewed.acting, renewed.kept_until)


def set_acting(response: Response, record_id: UUID, acting: AccessToken, kept_until: datetime | None) -> None:
    """Sets the token of acting in the record of another, which goes with that record's pages alone."""
    _set(response, ACTING, acting.text, record_path(record_id), kept_until)


def set_whose(response: Response, named: NamedRecord, kept_until: datetime | None) -> None:
    """Sets the name that the header of the record's pages shows."""
    _set(response, HOLDER, holder_cookie(Holder(named.name, named.relation)), record_path(named.record_id), kept_until)


def clear_session(response: Response) -> None:
    """Deletes the cookies of a session that is over."""
    for name, path in ((SESSION, SESSION_PATH), (ACCESS, "/")):
        response.delete_cookie(name, path=path, secure=True, httponly=True, samesite="lax")


def _set(response: Response, name: str, value: str, path: str, kept_until: datetime | None) -> None:
    response.set_cookie(name, value, expires=kept_until, path=path, secure=True, httponly=True, samesite="lax")
