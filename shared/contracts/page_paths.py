"""Which process serves the pages below which path, on the one origin of all pages.

The front of one machine (`deploy/local/front`) and the edge (`deploy/edge/routes.py`) route by this declaration alone.
"""

from dataclasses import dataclass
from typing import Final, Literal

from shared.contracts.declarations import Service


@dataclass(frozen=True, slots=True)
class PagePath:
    """A path and all below it, unless `is_exact`. A segment in braces stands for any one segment.

    `role`: the process that answers.
    """

    path: str
    service: Service
    role: Literal["api", "worker"] = "api"
    is_exact: bool = False

    @property
    def segments(self) -> tuple[str, ...]:
        """The parts between the slashes."""
        return tuple(part for part in self.path.split("/") if part)

    def matches(self, segments: tuple[str, ...]) -> bool:
        """Whether a path with these segments is this path or lies below it."""
        own = self.segments
        if len(segments) < len(own) or (self.is_exact and len(segments) > len(own)):
            return False
        return all(mine.startswith("{") or mine == theirs for mine, theirs in zip(own, segments, strict=False))


_DECLARED: Final = (
    PagePath("/", "identity", is_exact=True),
    PagePath("/connexion", "identity"),
    PagePath("/ouvrir", "identity"),
    PagePath("/session", "identity"),
    PagePath("/compte", "identity"),
    PagePath("/static", "identity"),
    PagePath("/aide", "identity"),
    PagePath("/accessibilite", "identity"),
    PagePath("/vie-privee", "identity"),
    PagePath("/soins", "identity", is_exact=True),
    PagePath("/soins/connexion", "identity"),
    PagePath("/etablissement", "identity", is_exact=True),
    PagePath("/etablissement/connexion", "identity"),
    PagePath("/dossier/{record_id}/proches", "identity"),
    PagePath("/dossier/{record_id}/fermer", "identity"),
    PagePath("/dossier/{record_id}", "records"),
    PagePath("/soins/dossier", "records"),
    PagePath("/etablissement/depots", "records"),
    PagePath("/dossier/{record_id}/acces", "consent"),
    PagePath("/dossier/{record_id}/historique", "audit"),
    PagePath("/dossier/{record_id}/urgences", "audit"),
    PagePath("/dossier/{record_id}/alertes", "notify"),
    PagePath("/alerte", "notify"),
    PagePath("/exploitation/identity", "identity", "worker"),
    PagePath("/exploitation/records", "records", "worker"),
    PagePath("/exploitation/consent", "consent", "worker"),
    PagePath("/exploitation/audit", "audit", "worker"),
    PagePath("/exploitation/notify", "notify", "worker"),
)
PAGE_PATHS: Final = tuple(sorted(_DECLARED, key=lambda page: (-len(page.segments), page.path)))
"""All paths of pages, the longest first: the first that matches rules."""


def page_path_of(path: str) -> PagePath | None:
    """Returns the declaration of the pages at a path, or None where no page is."""
    segments = tuple(part for part in path.split("/") if part)
    if not path.startswith("/") or "//" in path or any(part in {".", ".."} for part in segments):
        return None
    return next((page for page in PAGE_PATHS if page.matches(segments)), None)
