"""Opening one's own record alone, online: who may, the rate limits, and the state kept until the opening is complete.

No response depends on whether the number exists: every request is accepted with one answer. Whether the person may open
a record is decided afterwards, outside the request.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson

from services.identity.kit.sealed_rows import Keyrings, Sealed, open_row, seal_row
from services.identity.kit.transitions import Transition
from services.identity.lifecycle.domain.lifecycle import LifecycleState, decide
from services.identity.openings.domain.regimes import ONLINE_REGIMES
from services.identity.people.domain.new_person import LANGUAGES, Contact, LanguageUnknownError, checked_contact
from services.identity.people.domain.persons import IdentityStatus, is_minor
from shared.crypto.keyring import Keyring
from shared.errors import ForbiddenError, InvalidError, TooManyRequestsError
from shared.values import Ins, RedactedRepr

CODE_LIFETIME: Final = timedelta(hours=2)
MAX_TRIES: Final = 5
KIND = "online-opening"


class ContactNeededError(InvalidError):
    """Give either a mail address or a mobile number: the code is sent there."""

    code = "contact-needed"
    french = "Donnez soit une adresse mail, soit un numéro de mobile : le code y sera envoyé."


class TermsNotAcceptedError(InvalidError):
    """Accept the terms of use in their present version; GET /terms returns it."""

    code = "terms-not-accepted"
    french = "Acceptez les conditions d’utilisation dans leur version actuelle ; GET /terms indique laquelle."


class OpeningOverError(ForbiddenError):
    """This opening cannot be continued: its code was used, is older than two hours, or was mistyped five times. Begin
    anew to get another code."""

    code = "opening-over"
    french = (
        "Cette ouverture ne peut pas être poursuivie : son code a été utilisé, date de plus de deux heures, ou a été "
        "mal saisi cinq fois. Recommencez pour recevoir un autre code."
    )


class OpeningCodeWrongError(ForbiddenError):
    """The code is wrong. Look at the latest message and try again."""

    code = "opening-code-wrong"
    french = "Le code n’est pas le bon. Regardez le dernier message et réessayez."


class TooManyOpeningsError(TooManyRequestsError):
    """There were too many requests in a short time. Wait, then try again."""

    code = "too-many-openings"
    french = "Trop de demandes en peu de temps. Attendez, puis réessayez."

    def __init__(self, wait: timedelta) -> None:
        super().__init__()
        self.retry_after = max(1, int(wait.total_seconds()) + 1)


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most this number of requests within the window."""

    most: int
    window: timedelta


RATE_LIMITS: Final = {
    "online-person": RateLimit(3, timedelta(hours=2)),
    "online-contact": RateLimit(5, timedelta(hours=2)),
    "online-source": RateLimit(30, timedelta(hours=1)),
    "activation-person": RateLimit(10, timedelta(hours=1)),
    "activation-source": RateLimit(60, timedelta(hours=1)),
    "assisted-person": RateLimit(5, timedelta(days=1)),
    "objection-source": RateLimit(60, timedelta(hours=1)),
}
"""The limits by kind, the first word of a key `<kind>:<keyed hash>`. Keys of a person or a contact include the network
address (or the helper), so that nobody exhausts another person's limit."""


@dataclass(frozen=True, slots=True, repr=False)
class OpeningRequest(RedactedRepr):
    """The person for whom a record is requested, and the contact that receives the code."""

    ins: Ins
    card_serial: str
    contact: Contact

    def as_json(self) -> bytes:
        """Returns the JSON that is sealed for storage."""
        plain: dict[str, Any] = {"ins": [self.ins.matricule, self.ins.oid], "card": self.card_serial}
        return orjson.dumps({**plain, "contact": self.contact.as_json().decode()})

    @classmethod
    def from_json(cls, data: bytes) -> "OpeningRequest":
        """Returns the request that `as_json` encoded."""
        document = orjson.loads(data)
        return cls(Ins(*document["ins"]), document["card"], Contact.from_json(document["contact"]))


@dataclass(frozen=True, slots=True)
class OnlineOpening:
    """An opening in progress."""

    id: UUID
    sealed: Sealed
    code_hash: str | None
    expires_at: datetime

    def open_request(self, keyring: Keyring) -> OpeningRequest:
        """Returns the decrypted request. `keyring`: the ring of persons."""
        return OpeningRequest.from_json(open_row(keyring, self.sealed, KIND, self.id))


@dataclass(frozen=True, slots=True)
class ApplicantFacts:
    """What the register and the database say of the person whom a request names."""

    regime: str
    birth_date: date
    is_own_card: bool
    state: LifecycleState
    status: IdentityStatus = IdentityStatus.QUALIFIED


def seal_opening_request(keyrings: Keyrings, opening_id: UUID, request: OpeningRequest) -> Sealed:
    """Returns the request sealed for storage until the opening is complete."""
    return seal_row(keyrings.persons, request.as_json(), KIND, opening_id)


def single_contact(mail: str | None, mobile: str | None, language: str) -> Contact:
    """Returns the contact with exactly one of the two addresses; the caller has checked the number.

    Raises ContactNeededError, MailInvalidError, LanguageUnknownError.
    """
    if (mail is None) == (mobile is None):
        raise ContactNeededError
    if language not in LANGUAGES:
        raise LanguageUnknownError
    contact = checked_contact(mail, language, "holder")
    return Contact(contact.mail, contact.language, contact.relation, mobile)


def may_open_alone(facts: ApplicantFacts, today: date) -> bool:
    """Returns whether the person may open a record alone: adults of the listed regimes with a qualified identity, who
    hold their own card and have no record."""
    if facts.regime not in ONLINE_REGIMES or not facts.is_own_card or is_minor(facts.birth_date, today):
        return False
    if not facts.status.may_share_ins:
        return False
    return facts.state != "open" and decide(facts.state, "open", "holder") == Transition("open")


def window_wait(kind: str, times: list[datetime], now: datetime) -> timedelta | None:
    """Returns how long to wait until the limit of that kind allows one more request; None: now. `times`: ascending."""
    rate = RATE_LIMITS[kind]
    recent = [at for at in times if at > now - rate.window]
    return None if len(recent) < rate.most else recent[-rate.most] + rate.window - now


def opening_code_hash(lookups: Keyring, opening_id: UUID, code: str) -> str:
    """Returns the keyed hash under which a code is stored."""
    return lookups.fingerprint("opening-code", str(opening_id), code)


def is_sent_code(lookups: Keyring, opening: OnlineOpening, code: str) -> bool:
    """Returns whether this is the code that was sent. Takes as long where none was sent."""
    expected = opening.code_hash or opening_code_hash(lookups, opening.id, "")
    return lookups.matches(expected, "opening-code", str(opening.id), code)


def ticket_hash(lookups: Keyring, opening_id: UUID, ticket: str) -> str:
    """Returns the keyed hash of the ticket that is issued in exchange for the code."""
    return lookups.fingerprint("opening-ticket", str(opening_id), ticket)
