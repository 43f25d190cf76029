"""The rules of carers (aidants) by invitation: how an invitation is answered and how the care relation ends."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, get_args
from uuid import UUID

import orjson

from services.identity.kit.readable_codes import ALPHABET, CODE_LENGTH, check_character, parse_code
from services.identity.kit.sealed_rows import Keyrings, Sealed, open_row
from services.identity.kit.transitions import TransitionTable
from services.identity.people.domain.persons import Person
from shared.crypto.fingerprints import ins_parts
from shared.crypto.keyring import Keyring
from shared.errors import ClientError, ConflictError, ForbiddenError, InvalidError, NotFoundError
from shared.values import RedactedRepr, normalise_name

MAX_CARERS: Final = 10
UNANSWERED_RETENTION: Final = timedelta(days=90)
"""The time for which an invitation that was refused, withdrawn or expired stays visible."""
CareStatus = Literal["pending", "accepted", "refused", "expired", "withdrawn", "ended"]
CareAction = Literal["accept", "refuse", "end", "expire"]
CareParty = Literal["holder", "representative", "invited", "carer", "administrator", "system", "stranger"]
"""The acting party. `invited`: the person invited, before and after the answer; `carer`: another carer."""
STATUSES: Final = get_args(CareStatus)
ACTIONS: Final = get_args(CareAction)
PARTIES: Final = get_args(CareParty)


class InvitationInvalidError(InvalidError):
    """Invite somebody by their INS, birth name, first given name and birth date, or by a mail address."""

    code = "invitation-invalid"
    french = (
        "Invitez une personne par son INS, son nom de naissance, son premier prénom et sa date de naissance, ou par "
        "une adresse mail."
    )


class CarerSelfError(InvalidError):
    """You cannot invite yourself as your own carer."""

    code = "carer-self"
    french = "Vous ne pouvez pas vous inviter vous-même à vous aider."


class CarersManyError(ConflictError):
    """This record has the highest number of carers and open invitations. End one first."""

    code = "carers-many"
    french = (
        "Ce dossier a autant de personnes aidantes et d’invitations en cours que possible. Mettez fin à l’une d’abord."
    )


class InvitationUnknownError(NotFoundError):
    """There is no such invitation for you. Look at the latest message, and sign in as the person who was invited."""

    code = "invitation-unknown"
    french = (
        "Il n’y a pas de telle invitation pour vous. Regardez le dernier message, et connectez-vous comme la personne "
        "invitée."
    )


class InvitationOverError(ConflictError):
    """This invitation was answered, was withdrawn, or is too old. Ask for a new one."""

    code = "invitation-over"
    french = "Cette invitation a reçu une réponse, a été retirée ou est trop ancienne. Demandez-en une nouvelle."


class CareExistsError(ConflictError):
    """You are a carer of this person already."""

    code = "care-exists"
    french = "Vous aidez déjà cette personne."


class CareUnknownError(NotFoundError):
    """There is no such carer or invitation, or none that you may see."""

    code = "care-unknown"
    french = "Cette personne aidante ou cette invitation n’existe pas, ou vous ne pouvez pas la voir."


REFUSALS: Final[dict[str, type[ClientError]]] = {error.code: error for error in (ForbiddenError, InvitationOverError)}


@dataclass(frozen=True, slots=True)
class CareRelation:
    """An invitation and its outcome.

    `invited_fingerprint`: the fingerprint of the only INS that may answer; None: anybody with the code.
    """

    id: UUID
    record_id: UUID
    carer_id: UUID | None
    invited_fingerprint: str | None
    code_hash: str
    detail: Sealed
    status: CareStatus
    invited_at: datetime
    expires_at: datetime
    settled_at: datetime | None = None

    def status_at(self, now: datetime) -> CareStatus:
        """Returns the status at this time: an invitation past its expiry is expired, whether or not that was stored."""
        return "expired" if self.status == "pending" and now >= self.expires_at else self.status


@dataclass(frozen=True, slots=True, repr=False)
class InvitedPerson(RedactedRepr):
    """An invited person as the holder describes them: by number, names and birth date, by a mail address, or both."""

    language: Literal["fr", "en"]
    mail: str | None = None
    birth_name: str | None = None
    given_name: str | None = None
    birth_date: str | None = None

    def as_json(self) -> bytes:
        """Returns the JSON that is sealed for storage."""
        return orjson.dumps([self.language, self.mail, self.birth_name, self.given_name, self.birth_date])

    @classmethod
    def from_json(cls, data: bytes) -> "InvitedPerson":
        """Returns the person that `as_json` encoded."""
        return cls(*orjson.loads(data))

    def matches(self, person: Person) -> bool:
        """Returns whether the stated names and birth date are this person's; unstated values are not compared."""
        traits = person.traits
        pairs = ((self.birth_name, traits.birth_name), (self.given_name, traits.given_name))
        same = all(stated is None or normalise_name(stated) == normalise_name(actual or "") for stated, actual in pairs)
        return same and self.birth_date in (None, traits.birth_date)


_WHO: Final[dict[CareAction, frozenset[CareParty]]] = {
    "accept": frozenset({"invited"}),
    "refuse": frozenset({"invited"}),
    "end": frozenset({"holder", "representative", "invited"}),
    "expire": frozenset({"system"}),
}
_OVER: Final = InvitationOverError.code
_RULES: Final[dict[CareAction, tuple[CareStatus | str, ...]]] = {  # in the order of STATUSES
    #          pending      accepted    refused    expired    withdrawn    ended
    "accept": ("accepted",  "accepted", _OVER,     _OVER,     _OVER,       _OVER),
    "refuse": ("refused",   _OVER,      "refused", _OVER,     _OVER,       _OVER),
    "end":    ("withdrawn", "ended",    "refused", "expired", "withdrawn", "ended"),
    "expire": ("expired",   _OVER,      _OVER,     "expired", _OVER,       _OVER),
}  # fmt: skip
_EXCEPTIONS: Final[dict[tuple[CareStatus, CareAction, CareParty], CareStatus]] = {
    ("pending", "end", "invited"): "refused",  # the invited person refuses rather than withdraws
}


TABLE: Final[TransitionTable[CareStatus, CareAction, CareParty]] = TransitionTable(
    (STATUSES, ACTIONS, PARTIES), _WHO, _RULES, REFUSALS, _EXCEPTIONS
)
decide: Final = TABLE.decide
"""Returns the outcome of an action by a party on a relation in this status."""


def new_invitation_code() -> str:
    """Returns a code of 55 random bits in the format of an activation code."""
    data = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH - 1))
    return data + check_character(data)


def invitation_code_hashes(lookups: Keyring, code: str) -> list[str]:
    """Returns the keyed hashes of a code under each key of the ring, the active key first.

    Raises ActivationCodeMalformedError.
    """
    return lookups.fingerprints("carer-invitation", parse_code(code))


@dataclass(frozen=True, slots=True)
class RelationRules:
    """The parameters of relations. `invitation_life`: how long an invitation can be answered."""

    invitation_life: timedelta


def is_invited_person(keyrings: Keyrings, invitation: CareRelation, person: Person) -> bool:
    """Returns whether the invitation names this person.

    The number, the names and the birth date are compared, as far as they were given.
    """
    if invitation.invited_fingerprint is not None and invitation.invited_fingerprint not in keyrings.ins.fingerprints(
        *ins_parts(person.ins)
    ):
        return False
    return InvitedPerson.from_json(open_row(keyrings.persons, invitation.detail, "care", invitation.id)).matches(person)
