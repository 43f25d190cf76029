"""A contact that somebody states for a person who can be reached otherwise: when it counts, and who can object.

Whoever has the person's number and card is not yet the person. What is on file is told of the new contact, with a code
to object; until the wait is over codes go only to what is on file.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from services.identity.domain.activation import parse_code
from services.identity.domain.insured import ContactDetails
from services.identity.domain.opening import Contact
from shared.crypto.keyring import Keyring
from shared.errors import ForbiddenError

VALIDITY: Final = timedelta(days=30)
"""How long a contact that counts may be made use of before it has to be stated anew."""
POSTAL_DELAY: Final = timedelta(days=5)
"""What a letter takes: nobody can object before it is there."""
MAX_PENDING: Final = 5
"""So many contacts of one person may wait; what is stated beyond them never counts and is told to nobody."""


class ObjectionCodeWrongError(ForbiddenError):
    """This code objects to no new contact of this person, or no longer. Look at the latest message."""

    code = "objection-code-wrong"
    french = (
        "Ce code ne permet pas ou plus de s’opposer à de nouvelles coordonnées de cette personne. Regardez le dernier "
        "message."
    )


@dataclass(frozen=True, slots=True)
class ContactProposal:
    """A contact that was stated, as it is kept."""

    person: str
    contact_hash: str
    code_hash: str
    proposed_at: datetime
    counts_from: datetime
    objected_at: datetime | None = None

    @property
    def expires_at(self) -> datetime:
        """From when on it has to be stated anew."""
        return self.counts_from + VALIDITY

    def is_in_force(self, now: datetime) -> bool:
        """Whether the wait is over and nobody has objected."""
        return self.objected_at is None and self.counts_from <= now

    def is_pending(self, now: datetime) -> bool:
        """Whether it will count unless somebody objects."""
        return self.objected_at is None and now < self.counts_from


def effective_from(now: datetime, hours: float, on_file: ContactDetails) -> datetime:
    """When a contact that is stated now will count: so many hours after what is on file can have been told."""
    by_letter = on_file.mail is None and bool(on_file.address)
    return now + timedelta(hours=hours) + (POSTAL_DELAY if by_letter else timedelta())


def is_unreachable(contact_details: ContactDetails) -> bool:
    """Whether nothing is on file: what is stated then counts at once."""
    return contact_details.mail is None and contact_details.mobile is None and not contact_details.address


def new_contact(stated: Contact, on_file: ContactDetails) -> Contact | None:
    """What of the stated contact is not on file; None where all of it is."""
    mail = None if _same_mail(stated.mail, on_file.mail) else stated.mail
    mobile = None if stated.mobile == on_file.mobile else stated.mobile
    return None if mail is None and mobile is None else Contact(mail, stated.language, stated.relation, mobile)


def contact_hashes(lookups: Keyring, stated: Contact) -> list[str]:
    """How a stated contact is found again, under each key of the ring, the active one first."""
    return lookups.fingerprints("stated-contact", (stated.mail or "").casefold(), stated.mobile or "")


def objection_hashes(lookups: Keyring, code: str) -> list[str]:
    """What is kept of the code to object, and looked for. Raises ActivationCodeMalformedError."""
    return lookups.fingerprints("contact-objection", parse_code(code))


def _same_mail(first: str | None, second: str | None) -> bool:
    return (first or "").casefold() == (second or "").casefold()
