"""Telephone numbers in stored contents that earlier releases wrote under another country code than their own.

Each function takes the plain content of a sealed row and returns the corrected content, or None where nothing changes.
A number that cannot be read stays.
"""

from collections.abc import Callable
from dataclasses import replace

from services.identity.openings.domain.online import OpeningRequest
from services.identity.people.domain.contacts import Contact
from services.identity.people.domain.insured import InsuredPerson
from services.identity.relations.domain.emergency_contacts import people_to_call_as_json, people_to_call_from_json
from shared.telephones import telephone_number

Correction = Callable[[bytes], bytes | None]


def corrected_number(stored: str) -> str:
    """Returns the number as E.164 under its own country code; what is no number as it is."""
    return telephone_number(stored) or stored


def corrected_contact(plain: bytes) -> bytes | None:
    """Corrects a contact of a record."""
    contact = Contact.from_json(plain)
    mobile = _corrected(contact.mobile)
    return None if mobile is None else replace(contact, mobile=mobile).as_json()


def corrected_insured(plain: bytes) -> bytes | None:
    """Corrects a person of the insured register."""
    person = InsuredPerson.from_json(plain)
    mobile = _corrected(person.contact_details.mobile)
    if mobile is None:
        return None
    return replace(person, contact_details=replace(person.contact_details, mobile=mobile)).as_json()


def corrected_people_to_call(plain: bytes) -> bytes | None:
    """Corrects a list of people to call."""
    people = people_to_call_from_json(plain)
    corrected = [replace(person, phone=corrected_number(person.phone)) for person in people]
    return None if corrected == list(people) else people_to_call_as_json(corrected)


def corrected_opening(plain: bytes) -> bytes | None:
    """Corrects the request of an online opening; nothing is left of one that is complete."""
    if not plain:
        return None
    request = OpeningRequest.from_json(plain)
    mobile = _corrected(request.contact.mobile)
    return None if mobile is None else replace(request, contact=replace(request.contact, mobile=mobile)).as_json()


def _corrected(mobile: str | None) -> str | None:
    """Returns the corrected number, or None where nothing changes."""
    if mobile is None:
        return None
    number = corrected_number(mobile)
    return None if number == mobile else number
