"""Content negotiation of FHIR: `_format`, Accept and the parameter fhirVersion of Content-Type.

Sources: http://hl7.org/fhir/R4/http.html#mime-type, #version-parameter and #parameters, and
http://hl7.org/fhir/R4/binary.html#rest (a Binary is a resource where FHIR is named, else its own content).
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Final, TypeVar
from urllib.parse import parse_qsl

from starlette.requests import Request

from shared.errors import ClientError, UnsupportedEncodingError
from shared.fhir.write import FHIR_JSON

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
FORM: Final = "application/x-www-form-urlencoded"
JSON_PATCH: Final = "application/json-patch+json"
VERSIONS: Final = frozenset({None, "4.0"})
_JSON: Final = frozenset({"json", "text/json", "application/json", FHIR_JSON})
_OTHER_FORMATS: Final = frozenset(
    {"xml", "text/xml", "application/xml", "application/fhir+xml", "ttl", "text/turtle", "application/fhir+turtle"}
)
"""What `_format` may say besides JSON; it names the format of a resource, even where content has this type."""
_OTHER_RESOURCES: Final = frozenset({"application/fhir+xml", "application/fhir+turtle"})
_ANY: Final = frozenset({"*/*", "application/*"})
_SENT: Final = frozenset({FHIR_JSON, "application/json", "text/json", JSON_PATCH, FORM})
_CONTENT: Final = "serves_content"
_ZERO: Final = re.compile(r"0(\.0{0,3})?")
_MOST_PARAMETERS: Final = 20
_LONGEST_FORM: Final = 16_384


class NotAcceptableError(ClientError):
    """FHIR R4 is answered as JSON: send Accept or _format with application/fhir+json."""

    code = "not-acceptable"
    french = "Le FHIR R4 est rendu en JSON : demandez application/fhir+json par Accept ou _format."
    status: ClassVar[int] = 406


class FhirVersionError(UnsupportedEncodingError):
    """This is FHIR R4: leave fhirVersion out of Content-Type, or send 4.0."""

    code = "fhir-version-unsupported"
    french = "Ceci est du FHIR R4 : n’indiquez pas fhirVersion dans Content-Type, ou indiquez 4.0."


class MediaTypeError(UnsupportedEncodingError):
    """Send FHIR as JSON in UTF-8, with Content-Type application/fhir+json."""

    code = "media-type-unsupported"
    french = "Envoyez du FHIR en JSON et en UTF-8, avec Content-Type application/fhir+json."


@dataclass(frozen=True, slots=True)
class MediaRange:
    """A media type or range in lower case, with the version of FHIR that it names."""

    name: str
    version: str | None = None


def serves_content(endpoint: Endpoint) -> Endpoint:
    """Decorates an endpoint that answers with content in its own media type unless FHIR is named (Binary)."""
    setattr(endpoint, _CONTENT, True)
    return endpoint


def is_content_served(endpoint: Callable[..., Any]) -> bool:
    """Returns whether the endpoint is decorated with `serves_content`."""
    return bool(getattr(endpoint, _CONTENT, False))


def check_negotiation(request: Request, *, has_body: bool, has_content: bool, form: bytes = b"") -> None:
    """Checks that the request is in a format of this API, and takes an answer in one; a search may state `_format` in
    its form. Raises FhirVersionError, MediaTypeError, NotAcceptableError."""
    sent = _media_range(request.headers.get("content-type", ""))
    if sent.version not in VERSIONS:
        raise FhirVersionError
    if has_body and sent.name and sent.name not in _SENT:
        raise MediaTypeError
    if (stated := _format_of(request, form)) is not None:
        is_taken = _is_json(stated) or (has_content and "/" in stated.name and stated.name not in _OTHER_FORMATS)
    else:
        ranges = list(_accepted(request))
        is_taken = not request.headers.get("accept", "").strip()
        is_taken |= any(_is_json(each) or each.name in _ANY for each in ranges)
        is_taken |= has_content and any(each.name not in _OTHER_RESOURCES | {FHIR_JSON} for each in ranges)
    if not is_taken:
        raise NotAcceptableError


def is_form(request: Request) -> bool:
    """Returns whether the request sends a form."""
    return _media_range(request.headers.get("content-type", "")).name == FORM


def is_resource_requested(request: Request) -> bool:
    """Returns whether `_format`, or else Accept, names FHIR in JSON."""
    stated = _format_of(request, b"")
    if stated is not None:
        return _is_json(stated)
    return any(each.name == FHIR_JSON and each.version in VERSIONS for each in _accepted(request))


def _is_json(media_range: MediaRange) -> bool:
    return media_range.name in _JSON and media_range.version in VERSIONS


def _format_of(request: Request, form: bytes) -> MediaRange | None:
    """Returns what `_format` states in the URL, else in the form. An unencoded plus arrives as a blank."""
    for text in (request.scope["query_string"], form[:_LONGEST_FORM]):
        try:
            parameters = dict(parse_qsl(text.decode("latin-1"), max_num_fields=_MOST_PARAMETERS))
        except ValueError:  # the search refuses the form
            return None
        if "_format" in parameters:
            return _media_range(parameters["_format"].strip().replace(" ", "+").replace(";+", ";"))
    return None


def _accepted(request: Request) -> Iterator[MediaRange]:
    """Yields the media ranges of Accept whose weight is not zero (RFC 9110, section 12.5.1)."""
    for item in ",".join(request.headers.getlist("accept")).split(","):
        media_range = _media_range(item)
        if media_range.name and _ZERO.fullmatch(_parameters(item).get("q", "1")) is None:
            yield media_range


def _media_range(text: str) -> MediaRange:
    return MediaRange(text.partition(";")[0].strip().lower(), _parameters(text).get("fhirversion"))


def _parameters(text: str) -> dict[str, str]:
    """Returns the parameters of a media type by their names in lower case, without quotes."""
    pairs = (parameter.partition("=") for parameter in text.split(";")[1:])
    return {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}
