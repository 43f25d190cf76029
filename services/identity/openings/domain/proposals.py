"""A contact stated for a person who already has one on file: when it comes into force, and how the person can object.

Having a person's number and card does not prove being that person. The contact on file is therefore notified of the new
one and receives a code to object; until the waiting time ends, codes go only to the contact on file.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from services.identity.kit.readable_codes import parse_code
from services.identity.people.domain.insured import ContactDetails
from services.identity.people.domain.new_person import Contact
from shared.crypto.keyring import Keyring
from shared.errors import ForbiddenError

VALIDITY: Final = timedelta(days=30)
"""How long a contact in force may be used before it has to be stated anew."""
POSTAL_DELAY: Final = timedelta(days=5)
"""The delivery time of a letter: nobody can object before it arrives."""
MAX_PENDING: Final = 5
"""The number of contacts of one person that may wait; contacts stated beyond it never come into force and trigger no
message."""


class ObjectionCodeWrongError(ForbiddenError):
    """This code objects to no new contact of this person, or no longer. Look at the latest message."""

    code = "objection-code-wrong"
    french = (
        "Ce code ne permet pas ou plus de s’opposer à de nouvelles coordonnées de cette personne. Regardez le dernier "
        "message."
    )


@dataclass(frozen=True, slots=True)
class ContactProposal:
    """A stated contact as it is stored."""

    person: str
    contact_hash: str
    code_hash: str
    proposed_at: datetime
    counts_from: datetime
    objected_at: datetime | None = None

    @property
    def expires_at(self) -> datetime:
        """The time from which it has to be stated anew."""
        return self.counts_from + VALIDITY

    def is_in_force(self, now: datetime) -> bool:
        """Returns whether the waiting time is over and nobody has objected."""
        return self.objected_at is None and self.counts_from <= now

    def is_pending(self, now: datetime) -> bool:
        """Returns whether the contact will come into force unless somebody objects."""
        return self.objected_at is None and now < self.counts_from


def effective_from(now: datetime, hours: float, on_file: ContactDetails) -> datetime:
    """Returns when a contact stated now comes into force: the waiting time, plus the postal delay where the contact on
    file is reached by letter."""
    by_letter = on_file.mail is None and bool(on_file.address)
    return now + timedelta(hours=hours) + (POSTAL_DELAY if by_letter else timedelta())


def is_unreachable(contact_details: ContactDetails) -> bool:
    """Returns whether no address is on file; a stated contact is then in force at once."""
    return contact_details.mail is None and contact_details.mobile is None and not contact_details.address


def new_contact(stated: Contact, on_file: ContactDetails) -> Contact | None:
    """Returns the part of the stated contact that is not on file, or None if all of it is."""
    mail = None if _same_mail(stated.mail, on_file.mail) else stated.mail
    mobile = None if stated.mobile == on_file.mobile else stated.mobile
    return None if mail is None and mobile is None else Contact(mail, stated.language, stated.relation, mobile)


def contact_hashes(lookups: Keyring, stated: Contact) -> list[str]:
    """Returns the keyed hashes of a stated contact under each key of the ring, the active key first."""
    return lookups.fingerprints("stated-contact", (stated.mail or "").casefold(), stated.mobile or "")


def objection_hashes(lookups: Keyring, code: str) -> list[str]:
    """Returns the keyed hashes of an objection code under each key of the ring. Raises ActivationCodeMalformedError."""
    return lookups.fingerprints("contact-objection", parse_code(code))


def _same_mail(first: str | None, second: str | None) -> bool:
    return (first or "").casefold() == (second or "").casefold()
