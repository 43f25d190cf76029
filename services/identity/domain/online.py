"""Opening a record alone, online: who may, how often it may be asked, and what is kept until it is done.

Nothing that is answered depends on whether the number exists: a request is taken and told the same for everybody; who
may is looked up afterwards, away from the one who asks.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson

from services.identity.domain.lifecycle import LifecycleState, LifecycleTransition, decide
from services.identity.domain.opening import LANGUAGES, Contact, LanguageUnknownError, checked_contact
from services.identity.domain.persons import IdentityStatus
from services.identity.domain.regimes import ONLINE_REGIMES
from services.identity.domain.sealing import Keyrings, Sealed, open_row, seal_row
from shared.crypto.keyring import Keyring
from shared.errors import ForbiddenError, InvalidError, TooManyRequestsError
from shared.values import Ins, RedactedRepr

CODE_LIFETIME: Final = timedelta(hours=2)
MAX_TRIES: Final = 5
ADULT_YEARS: Final = 18
KIND = "online-opening"


class ContactNeededError(InvalidError):
    """Give either a mail address or a mobile number: the code is sent there."""

    code = "contact-needed"
    french = "Donnez soit une adresse mail, soit un numéro de mobile : le code y sera envoyé."


class TermsNotAcceptedError(InvalidError):
    """Accept the terms of use in their present version; GET /terms tells which it is."""

    code = "terms-not-accepted"
    french = "Acceptez les conditions d’utilisation dans leur version actuelle ; GET /terms indique laquelle."


class OpeningOverError(ForbiddenError):
    """This opening cannot be gone on with: its code was used, is older than two hours, or was mistyped five times.
    Begin anew to get another code."""

    code = "opening-over"
    french = (
        "Cette ouverture ne peut pas être poursuivie : son code a été utilisé, date de plus de deux heures, ou a été "
        "mal saisi cinq fois. Recommencez pour recevoir un autre code."
    )


class OpeningCodeWrongError(ForbiddenError):
    """The code is not right. Look at the latest message and try again."""

    code = "opening-code-wrong"
    french = "Le code n’est pas le bon. Regardez le dernier message et réessayez."


class TooManyOpeningsError(TooManyRequestsError):
    """This was asked too often in a short time. Wait, then try again."""

    code = "too-many-openings"
    french = "Trop de demandes en peu de temps. Attendez, puis réessayez."

    def __init__(self, wait: timedelta) -> None:
        super().__init__()
        self.retry_after = max(1, int(wait.total_seconds()) + 1)


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most so many within the window."""

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
"""By the first word of `whose`: `<kind>:<keyed hash>`. Of a person or a contact and an address (or whoever helps)
together: nobody uses up what belongs to somebody else."""


@dataclass(frozen=True, slots=True, repr=False)
class OpeningRequest(RedactedRepr):
    """Who is said to want a record, and where the code goes."""

    ins: Ins
    card_serial: str
    contact: Contact

    def as_json(self) -> bytes:
        """What is sealed."""
        plain: dict[str, Any] = {"ins": [self.ins.matricule, self.ins.oid], "card": self.card_serial}
        return orjson.dumps({**plain, "contact": self.contact.as_json().decode()})

    @classmethod
    def from_json(cls, data: bytes) -> "OpeningRequest":
        """The request of `as_json`."""
        document = orjson.loads(data)
        return cls(Ins(*document["ins"]), document["card"], Contact.from_json(document["contact"]))


@dataclass(frozen=True, slots=True)
class OnlineOpening:
    """An opening that somebody has begun."""

    id: UUID
    sealed: Sealed
    code_hash: str | None
    expires_at: datetime

    def open_request(self, keyring: Keyring) -> OpeningRequest:
        """What was asked; `keyring` is that of persons."""
        return OpeningRequest.from_json(open_row(keyring, self.sealed, KIND, self.id))


@dataclass(frozen=True, slots=True)
class ApplicantFacts:
    """What is known of whom the request names, as far as it matters."""

    regime: str
    birth_date: date
    is_own_card: bool
    state: LifecycleState
    status: IdentityStatus = IdentityStatus.QUALIFIED


def seal_opening_request(keyrings: Keyrings, opening_id: UUID, request: OpeningRequest) -> Sealed:
    """What is kept until the opening is done."""
    return seal_row(keyrings.persons, request.as_json(), KIND, opening_id)


def single_contact(mail: str | None, mobile: str | None, language: str) -> Contact:
    """Exactly one of the two. Raises ContactNeededError, MailInvalidError, LanguageUnknownError; the number is checked
    before."""
    if (mail is None) == (mobile is None):
        raise ContactNeededError
    if language not in LANGUAGES:
        raise LanguageUnknownError
    contact = checked_contact(mail, language, "holder")
    return Contact(contact.mail, contact.language, contact.relation, mobile)


def may_open_alone(facts: ApplicantFacts, today: date) -> bool:
    """Adults of the listed regimes whose identity is qualified, who hold their card and have no record."""
    if facts.regime not in ONLINE_REGIMES or not facts.is_own_card or is_minor(facts.birth_date, today):
        return False
    if not facts.status.may_share_ins:
        return False
    return facts.state != "open" and decide(facts.state, "open", "holder") == LifecycleTransition("open")


def is_minor(birth_date: date, today: date) -> bool:
    """Under eighteen; on the birthday nobody is any more."""
    had_birthday = (today.month, today.day) >= (birth_date.month, birth_date.day)
    return today.year - birth_date.year - (not had_birthday) < ADULT_YEARS


def window_wait(kind: str, times: list[datetime], now: datetime) -> timedelta | None:
    """How long until one more fits into the window of that kind; None when it fits now. `times`: ascending."""
    rate = RATE_LIMITS[kind]
    recent = [at for at in times if at > now - rate.window]
    return None if len(recent) < rate.most else recent[-rate.most] + rate.window - now


def opening_code_hash(lookups: Keyring, opening_id: UUID, code: str) -> str:
    """What is kept of a code."""
    return lookups.fingerprint("opening-code", str(opening_id), code)


def is_sent_code(lookups: Keyring, opening: OnlineOpening, code: str) -> bool:
    """Whether that is the code that was sent. Takes as long where none was."""
    expected = opening.code_hash or opening_code_hash(lookups, opening.id, "")
    return lookups.matches(expected, "opening-code", str(opening.id), code)


def ticket_hash(lookups: Keyring, opening_id: UUID, ticket: str) -> str:
    """What is kept of the ticket that is given for the code."""
    return lookups.fingerprint("opening-ticket", str(opening_id), ticket)
