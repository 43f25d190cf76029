"""The first page: what these pages are for, or the records of the person who is signed in."""

from dataclasses import dataclass
from typing import Final

from fastapi import Request, Response

from services.identity.accounts.api.dependencies import SignedInHolder
from services.identity.browser_sessions.usecases.read_home import read_home
from services.identity.kit.dependencies import ProvidedStorage
from shared.errors import NotAuthenticatedError
from shared.http.app import verify_caller
from shared.web.doors import page_router
from shared.web.pages import pages_of
from shared.web.session import ACCESS, see_other

router = page_router()


@dataclass(frozen=True, slots=True)
class Words:
    """A page of words alone: keys of its title and lead, and of title and text of each section."""

    title: str
    lead: str
    sections: tuple[tuple[str, str], ...]


_HELP: Final = ("sign-in", "code", "paper", "password", "relatives", "doctor", "error", "stolen", "close")
_ACCESSIBILITY: Final = ("state", "tested", "known", "report")
_PRIVACY: Final = ("who", "what", "seen", "cookies", "kept", "rights")
WORDS: Final = {
    "/aide": Words("help.title", "help.lead", tuple((f"help.{key}-title", f"help.{key}") for key in _HELP)),
    "/accessibilite": Words(
        "accessibility.title",
        "accessibility.lead",
        tuple((f"accessibility.{key}-title", f"accessibility.{key}") for key in _ACCESSIBILITY),
    ),
    "/vie-privee": Words(
        "privacy.title", "privacy.lead", tuple((f"privacy.{key}-title", f"privacy.{key}") for key in _PRIVACY)
    ),
}
"""The pages of words, by their path."""


@router.get("/")
async def get_home(request: Request, storage: ProvidedStorage) -> Response:
    """Shows the records of the signed-in person; to others, what these pages are and how to come in."""
    if ACCESS not in request.cookies:
        return pages_of(request).page(request, "browser_sessions/welcome.html")
    caller = await verify_caller(request)
    if caller.kind == "professional":
        return see_other("/soins")
    if caller.kind != "patient" or caller.record_id is None:
        raise NotAuthenticatedError
    home = await read_home(storage, SignedInHolder(caller.record_id, caller.session_id))
    return pages_of(request).page(request, "browser_sessions/home.html", home=home)


@router.get("/aide")
@router.get("/accessibilite")
@router.get("/vie-privee")
async def get_words(request: Request) -> Response:
    """Shows the help, the accessibility statement, or what becomes of personal data."""
    return pages_of(request).page(request, "browser_sessions/words.html", words=WORDS[request.url.path])
