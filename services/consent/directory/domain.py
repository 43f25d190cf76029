"""A search of the public directory: its words, its results, and how often a person may search."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from shared.errors import ForbiddenError, InvalidError, TooManyRequestsError

PAGE_SIZE: Final = 20
MAX_SEARCHES: Final = 100
"""How often one person searches within `SEARCHES_PERIOD`: the directory is public, but it is not to be copied here."""
SEARCHES_PERIOD: Final = timedelta(hours=1)
SHORTEST_WORD: Final = 2
_WORD: Final = re.compile(r"[a-z0-9]+")


class DirectoryForbiddenError(ForbiddenError):
    """Only the patient's side searches the directory here."""

    french = "Seules la personne titulaire et celles qui agissent pour elle cherchent ici dans l’annuaire."


class SearchWordsMissingError(InvalidError):
    """Give a name or a place: a word with at least two letters."""

    code = "search-words-missing"
    french = "Donnez un nom ou un lieu : un mot d’au moins deux lettres."


class TooManySearchesError(TooManyRequestsError):
    """The directory takes 100 searches an hour from each person. Wait, then search again; or give the identifier."""

    code = "too-many-searches"
    french = "L’annuaire accepte 100 recherches par heure. Patientez, ou donnez l’identifiant du professionnel."
    retry_after = 600


@dataclass(frozen=True, slots=True)
class DirectoryQuery:
    """The words of a search: of a name, of a place (a structure's name), and a profession (`G15_10`)."""

    name: tuple[str, ...] = ()
    place: tuple[str, ...] = ()
    profession: str | None = None


@dataclass(frozen=True, slots=True)
class DirectoryResult:
    """A professional, or a structure if `profession` is None. `structures`: the names of a professional's places."""

    id: str
    name: str
    profession: str | None
    structures: tuple[str, ...] = ()


def search_words(text: str) -> tuple[str, ...]:
    """Returns the words of a text in lower case, without accents, as they are stored and searched."""
    plain = unicodedata.normalize("NFKD", text.casefold().replace("œ", "oe").replace("æ", "ae"))
    return tuple(_WORD.findall("".join(letter for letter in plain if not unicodedata.combining(letter))))


def query_of(name: str, place: str, profession: str | None) -> DirectoryQuery:
    """Returns the query. Raises SearchWordsMissingError if no word is long enough to search for."""
    query = DirectoryQuery(search_words(name), search_words(place), profession)
    if not any(len(word) >= SHORTEST_WORD for word in (*query.name, *query.place)):
        raise SearchWordsMissingError
    return query
