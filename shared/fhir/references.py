"""References: within a Bundle (FHIR R4, Bundle, "Resolving references in Bundles"), and to a Patient in a search."""

import re
from typing import Final

_RESTFUL: Final = re.compile(
    r"(https?://[^\s?#]+)/[A-Z][A-Za-z]+/[A-Za-z0-9.-]{1,64}(?:/_history/[A-Za-z0-9.-]{1,64})?"
)
_RELATIVE: Final = re.compile(r"([A-Z][A-Za-z]+/[A-Za-z0-9.-]{1,64})(?:/_history/[A-Za-z0-9.-]{1,64})?")
_UUID: Final = "urn:uuid:"


def canonical_url(url: str) -> str:
    """Returns the one form in which a URL is compared: UUIDs in lower case (RFC 4122, section 3)."""
    return url.lower() if url[: len(_UUID)].lower() == _UUID else url


def resolve(reference: str, full_url: str) -> str:
    """Returns the absolute URL of a reference in an entry with this fullUrl.

    A relative reference such as `Binary/1` lies under the base of a RESTful fullUrl; under any other fullUrl it is
    returned unchanged and names no entry.
    """
    relative = _RELATIVE.fullmatch(reference)
    if relative is None:
        return canonical_url(reference)
    base = _RESTFUL.fullmatch(full_url)
    return f"{base[1]}/{relative[1]}" if base is not None else reference


def patient_id(reference: str, base: str) -> str:
    """Returns the id that a reference to a Patient names: `<id>`, `Patient/<id>`, or a URL under this base.

    Both schemes name the same server, whose TLS may end before it. Any other text is returned unchanged.
    Source: FHIR R4, search.html#reference.
    """
    _, scheme, rest = reference.partition("://")
    server = base.partition("://")[2]
    relative = rest.removeprefix(server).lstrip("/") if scheme and rest.startswith(server) else reference
    return relative.removeprefix("Patient/")
