"""Parses search parameters from a URL or a form."""

from collections.abc import Mapping, Set
from typing import ClassVar, Final
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request

from shared.errors import ClientError

LONGEST_FORM = 16_384
MOST_PARAMETERS = 20
PERIOD: Final = "period"
BOUNDS: Final = 2
"""How often a period may be sent: once for each of its bounds."""


class SearchError(ClientError):
    """Search with status and with patient (id of the record) or patient.identifier (INS as system|value), each once."""

    code = "search-invalid"
    french = "Cherchez par patient (id du dossier) ou patient.identifier (système|INS) et par status, une fois chacun."
    status: ClassVar[int] = 400


def parse_form(text: bytes) -> dict[str, str]:
    """Returns the parameters by name; the bounds of a period, which may be sent twice, as one value with a blank.

    Raises SearchError.
    """
    try:
        pairs = parse_qsl(text.decode(), keep_blank_values=True, max_num_fields=MOST_PARAMETERS, errors="strict")
    except ValueError as error:
        raise SearchError from error
    periods = [value for name, value in pairs if name == PERIOD]
    others = [(name, value) for name, value in pairs if name != PERIOD]
    parameters = dict(others)
    if len(parameters) != len(others) or len(periods) > BOUNDS:
        raise SearchError("Send each search parameter once; separate several statuses by commas.")
    return parameters | ({PERIOD: " ".join(periods)} if periods else {})


def link_query(parameters: Mapping[str, str]) -> str:
    """Returns the parameters as the query of a link."""
    periods = [(PERIOD, bound) for bound in parameters.get(PERIOD, "").split()]
    return urlencode([*((name, value) for name, value in parameters.items() if name != PERIOD), *periods])


def used_parameters(parameters: Mapping[str, str], supported: Set[str], *, is_lenient: bool) -> dict[str, str]:
    """Returns the parameters of these names. Raises SearchError for any other one.

    A lenient search ignores parameters of other names; what it cannot apply to a known one, such as a modifier, it
    refuses too, because the answer would be another one (FHIR R4, search.html#errors and #modifiers).
    """
    roots = {_root(name) for name in supported}
    for name in parameters.keys() - supported:
        if not is_lenient or _root(name) in roots:
            names = ", ".join(sorted(supported))
            raise SearchError(
                f"A parameter is unknown. The known ones are: {names}. Prefer: handling=lenient ignores others."
            )
    return {name: value for name, value in parameters.items() if name in supported}


def _root(name: str) -> str:
    """Returns the name of a parameter without its modifier and its chain."""
    return name.partition(":")[0].partition(".")[0]


def linked_parameters(request: Request, used: Mapping[str, str], persons: Set[str]) -> dict[str, str]:
    """Returns the parameters for the links of an answer: those used, but no person's identifier that was kept out of
    the URL. `persons`: the names of the parameters that identify a person."""
    is_in_url = request.method == "GET"
    return {name: value for name, value in used.items() if is_in_url or "|" not in value or name not in persons}
