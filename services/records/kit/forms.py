"""Search parameters, from a URL or a form."""

from typing import ClassVar
from urllib.parse import parse_qsl

from shared.errors import ClientError

LONGEST_FORM = 16_384
MOST_PARAMETERS = 20


class SearchError(ClientError):
    """Search with status and with patient (id of the record) or patient.identifier (INS as system|value), each once."""

    code = "search-invalid"
    french = "Cherchez par patient (id du dossier) ou patient.identifier (système|INS) et par status, une fois chacun."
    status: ClassVar[int] = 400


def parse_form(text: bytes) -> dict[str, str]:
    """Returns the parameters by name. Raises SearchError."""
    try:
        pairs = parse_qsl(text.decode(), keep_blank_values=True, max_num_fields=MOST_PARAMETERS, errors="strict")
    except ValueError as error:
        raise SearchError from error
    parameters = dict(pairs)
    if len(parameters) != len(pairs):
        raise SearchError("Send each search parameter once; separate several statuses by commas.")
    return parameters
