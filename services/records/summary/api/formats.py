"""The formats in which a sheet is given: the media types of Accept, and who writes each."""

import asyncio
from collections.abc import Callable, Mapping
from typing import ClassVar, Final

from services.records.summary.adapters.pdf import write_pdf
from services.records.summary.domain.cda.document import write_cda
from services.records.summary.domain.fhir.bundle import write_fhir
from services.records.summary.domain.html import content_security_policy, write_html
from services.records.summary.domain.sheet import Language, SummarySheet
from shared.errors import ClientError
from shared.fhir.write import FHIR_JSON

JSON: Final = "application/json"
CDA: Final = "text/xml"
WRITERS: Final[Mapping[str, Callable[[SummarySheet, Language], bytes]]] = {
    FHIR_JSON: write_fhir,
    "text/html": write_html,
    "application/pdf": write_pdf,
    CDA: lambda sheet, _: write_cda(sheet),
}
_ALIASES: Final = {"application/xml": CDA, "*/*": JSON, "application/*": JSON, "text/*": "text/html"}


class SheetFormatError(ClientError):
    """The sheet is given as application/json, application/fhir+json, text/html, application/pdf and text/xml (CDA)."""

    code = "format-not-given"
    french = (
        "La synthèse est rendue en application/json, application/fhir+json, text/html, application/pdf et text/xml."
    )
    status: ClassVar[int] = 406


def negotiated(accept: str) -> str:
    """Returns the first media type of Accept that is given, JSON without any. Raises SheetFormatError."""
    if not accept.strip():
        return JSON
    weighted = []
    for place, item in enumerate(accept.split(",")):
        name, *parameters = (part.strip().lower() for part in item.split(";"))
        weight = next((parameter[2:] for parameter in parameters if parameter.startswith("q=")), "1")
        weighted.append((-_weight(weight), place, _ALIASES.get(name, name)))
    for weight_below_zero, _, name in sorted(weighted):
        if weight_below_zero and (name == JSON or name in WRITERS):
            return name
    raise SheetFormatError


def _weight(text: str) -> float:
    try:
        return min(max(float(text), 0.0), 1.0)
    except ValueError:
        return 0.0


async def written(sheet: SummarySheet, media_type: str, language: Language) -> bytes:
    """Returns the sheet in a format other than JSON."""
    return await asyncio.to_thread(WRITERS[media_type], sheet, language)


def shield(media_type: str) -> dict[str, str]:
    """Returns the headers that keep a browser from running anything in the answer."""
    policy = content_security_policy() if media_type == "text/html" else "default-src 'none'; sandbox"
    return {"x-content-type-options": "nosniff", "content-security-policy": policy}
