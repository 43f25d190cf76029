"""The rules of a holder's people to call.

They are people to call in an emergency, the trusted person (personne de confiance, Code de la santé publique L1111-6),
and people who help at home.
"""

from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass
from typing import Final, get_args
from uuid import UUID

import orjson

from shared.contracts.base import sealed_place
from shared.contracts.identity import CallRole, PeopleToCallChanged
from shared.crypto.keyring import Keyring
from shared.errors import InvalidError
from shared.human_text import clean_line, has_control_character
from shared.telephones import telephone_number
from shared.values import RedactedRepr

MAX_PEOPLE: Final = 10
MAX_TEXT_LENGTH: Final = 100


class PeopleToCallInvalidError(InvalidError):
    """Up to ten people to call, one trusted person at most, each with a role (emergency, trusted, help), a name, a
    relation, and a telephone number such as 01 23 45 67 89 or +32 2 123 45 67."""

    code = "people-to-call-invalid"
    french = (
        "Jusqu’à dix personnes à appeler, dont une personne de confiance au plus, chacune avec un rôle (emergency, "
        "trusted, help), un nom, un lien et un numéro de téléphone tel que 01 23 45 67 89 ou +32 2 123 45 67."
    )


@dataclass(frozen=True, slots=True, repr=False)
class PersonToCall(RedactedRepr):
    """A person to call. `relation`: in the holder's own words (sœur, voisin); `phone`: E.164."""

    role: CallRole
    name: str
    phone: str
    relation: str


def person_to_call(role: str, name: str, phone: str, relation: str) -> PersonToCall:
    """Returns a checked person to call. Raises PeopleToCallInvalidError."""
    known_role: CallRole | None = next((value for value in get_args(CallRole) if value == role), None)
    texts, number = (clean_line(name), clean_line(relation)), telephone_number(phone)
    if known_role is None or number is None:
        raise PeopleToCallInvalidError
    if any(not 1 <= len(text) <= MAX_TEXT_LENGTH or has_control_character(text) for text in texts):
        raise PeopleToCallInvalidError
    return PersonToCall(known_role, texts[0], number, texts[1])


def check_people_to_call(people: Sequence[PersonToCall]) -> None:
    """Raises PeopleToCallInvalidError when the list has too many people or more than one trusted person."""
    if len(people) > MAX_PEOPLE or sum(person.role == "trusted" for person in people) > 1:
        raise PeopleToCallInvalidError


def people_to_call_as_json(people: Sequence[PersonToCall]) -> bytes:
    """Returns the JSON that is sealed for storage."""
    return orjson.dumps([astuple(person) for person in people])


def people_to_call_event(
    ring: Keyring, record_id: UUID, version: int, people: Sequence[PersonToCall]
) -> PeopleToCallChanged:
    """Returns the event of a list, encrypted for records and bound to this record. `ring`: of people to call."""
    plain = orjson.dumps([asdict(person) for person in people])
    sealed = ring.encrypt_jwe(plain, sealed_place("people-to-call", record_id))
    return PeopleToCallChanged(record_id=record_id, version=version, sealed=sealed)


def people_to_call_from_json(data: bytes) -> tuple[PersonToCall, ...]:
    """Returns the people that `people_to_call_as_json` encoded."""
    return tuple(PersonToCall(*fields) for fields in orjson.loads(data))
