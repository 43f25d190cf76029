"""The front's own answers: pages for what no service answers."""

from functools import cache
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from shared.web.languages import language_of, set_language
from shared.web.pages import Pages

REFUSALS: Final = {"other-host": 421, "no-page": 404, "service-away": 502}
"""The status of each refusal of the front, by its code."""


class FrontPages(Pages):
    """The pages of the front."""

    def __init__(self) -> None:
        super().__init__("local", ["front"], root="deploy")

    def refusal(self, request: Request, code: str, origin: str) -> Response:
        """Returns the page of a refusal. `origin`: the address at which the pages are."""
        request = Request(set_language(request.scope), request.receive)
        detail = self.words(language_of(request))(f"front.{code}", origin=origin)
        following = "error.next-later" if code == "service-away" else "error.next-home"
        return self.page(request, "error.html", status=REFUSALS[code], code=code, detail=detail, next=following)


@cache
def front_pages() -> FrontPages:
    """Returns the pages of the front, whose templates are read once."""
    return FrontPages()
