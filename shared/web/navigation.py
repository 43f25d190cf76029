"""The pages of a record that its navigation names: only those that exist."""

from typing import Final
from uuid import UUID

_PAGES: Final = (
    ("documents", "nav.documents"),
    ("synthese", "nav.summary"),
    ("resultats", "nav.results"),
    ("acces", "nav.access"),
    ("historique", "nav.history"),
    ("alertes", "nav.alerts"),
    ("proches", "nav.people"),
)
"""The last segment of the path, and the key of the text."""
FOOT_LINKS: Final = (
    ("/aide", "frame.help"),
    ("/accessibilite", "frame.accessibility"),
    ("/vie-privee", "frame.privacy"),
)
"""The pages that every page names at its foot: the path, and the key of the text."""


def record_links(record_id: UUID, path: str) -> list[tuple[str, str, bool]]:
    """Returns the address, the key of the text, and whether the reader is there, for each page of a record."""
    base = f"/dossier/{record_id}"
    return [(f"{base}/{page}", key, path.partition("?")[0].startswith(f"{base}/{page}")) for page, key in _PAGES]
