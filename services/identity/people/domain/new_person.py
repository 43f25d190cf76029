"""Opening a record: persons and contacts with their checks, and the comparison with a person already known."""

from dataclasses import dataclass, fields
from datetime import date
from typing import Any, Final, Literal, cast, get_args
from uuid import UUID

import orjson

from services.identity.people.domain.persons import NO_USED_NAMES, IdentityStatus, UsedNames
from shared.errors import ConflictError, InvalidError, NotFoundError
from shared.human_text import has_control_character
from shared.mail_addresses import mail_address
from shared.values import Ins, InvalidTraitsError, RedactedRepr, Sex, StrictTraits

OpeningChannel = Literal[
    "online",
    "pharmacist",
    "doctor",
    "nurse",
    "other-professional",
    "hospital",
    "cpam-agent",
    "care-home",
    "automatic",
    "representative",
]
OPENING_CHANNELS: Final[tuple[OpeningChannel, ...]] = get_args(OpeningChannel)
LANGUAGES = ("fr", "en")
RELATIONS = ("holder", "representative")
_TRAITS = tuple(field.name for field in fields(StrictTraits))


class MailInvalidError(InvalidError):
    """This is not a mail address that can be written to: name@domain, the name in ASCII, at most 254 characters."""

    code = "mail-invalid"
    french = "Ce n’est pas une adresse de courriel : nom@domaine, le nom en ASCII, 254 caractères au plus."


class LanguageUnknownError(InvalidError):
    """The language is fr or en."""

    code = "language-unknown"
    french = "La langue est fr ou en."


class RelationUnknownError(InvalidError):
    """The relation of the contact is holder or representative."""

    code = "relation-unknown"
    french = "Le lien du contact est holder ou representative."


class TraitsDifferError(ConflictError):
    """This INS has a record with other strict traits. Check the identity of the person."""

    code = "traits-differ"
    french = "Cet INS a un dossier sous d’autres traits stricts. Vérifiez l’identité de la personne."


class RecordUnknownError(NotFoundError):
    """There is no such record, or none that you may see."""

    code = "record-unknown"
    french = "Ce dossier n’existe pas, ou vous ne pouvez pas le voir."


@dataclass(frozen=True, slots=True, repr=False)
class Contact(RedactedRepr):
    """A person's addresses and language for messages."""

    mail: str | None
    language: Literal["fr", "en"]
    relation: Literal["holder", "representative"]
    mobile: str | None = None

    def as_json(self) -> bytes:
        """Returns the JSON that is sealed, at rest and for notify (`ContactChanged`). `mobile` is present only if
        known."""
        mobile = {} if self.mobile is None else {"mobile": self.mobile}
        return orjson.dumps({"mail": self.mail, "language": self.language, "relation": self.relation, **mobile})

    @classmethod
    def from_json(cls, data: bytes) -> "Contact":
        """Returns the contact that `as_json` encoded."""
        document = orjson.loads(data)
        return cls(document["mail"], document["language"], document["relation"], document.get("mobile"))


@dataclass(frozen=True, slots=True, repr=False)
class Person(RedactedRepr):
    """An insured person: the number, the strict traits and further details.

    `regime` and `region` are codes (`domain.persons`). Records opened before the status was stored were opened for a
    qualified identity.
    """

    ins: Ins
    traits: StrictTraits
    used: UsedNames = NO_USED_NAMES
    status: IdentityStatus = IdentityStatus.QUALIFIED
    regime: str | None = None
    region: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Returns the content of `as_json`, without unknown values."""
        traits = self.traits
        optional = {"used": [self.used.family_name, self.used.given_name], "regime": self.regime, "region": self.region}
        return {
            "ins": [self.ins.matricule, self.ins.oid],
            "traits": {name: getattr(traits, name) for name in _TRAITS},
            "status": self.status,
            **{name: value for name, value in optional.items() if value not in (None, [None, None])},
        }

    def as_json(self) -> bytes:
        """Returns the JSON that is sealed for storage."""
        return orjson.dumps(self.as_dict())

    @classmethod
    def from_json(cls, data: bytes) -> "Person":
        """Returns the person that `as_json` encoded, in this or an earlier version."""
        document = orjson.loads(data)
        traits = {**document["traits"], "sex": Sex(document["traits"]["sex"])}
        return cls(
            Ins(*document["ins"]),
            StrictTraits(**traits),
            UsedNames(*document.get("used", ())),
            IdentityStatus(document.get("status", IdentityStatus.QUALIFIED)),
            document.get("regime"),
            document.get("region"),
        )


@dataclass(frozen=True, slots=True)
class RecordState:
    """The state of a record here, and the version in force in the service that decides about reads."""

    id: UUID
    version: int
    in_force_version: int
    state: Literal["open", "closed"] = "open"
    linked_to: UUID | None = None

    @property
    def is_in_force(self) -> bool:
        """Whether records has applied this version."""
        return self.in_force_version >= self.version


def checked_contact(mail: str | None, language: str, relation: str) -> Contact:
    """Returns the contact. Raises MailInvalidError, LanguageUnknownError, RelationUnknownError."""
    address = None if mail is None else mail_address(mail)
    if mail is not None and address is None:
        raise MailInvalidError
    if language not in LANGUAGES:
        raise LanguageUnknownError
    if relation not in RELATIONS:
        raise RelationUnknownError
    return Contact(address, cast(Literal["fr", "en"], language), cast(Literal["holder", "representative"], relation))


def check_traits(traits: StrictTraits, today: date) -> None:
    """Checks the values of well-formed traits. Raises InvalidTraitsError."""
    names = (traits.birth_name or "") + (traits.given_name or "")
    if traits.birth_date is None or traits.sex is None or has_control_character(names):
        raise InvalidTraitsError
    if date.fromisoformat(traits.birth_date) > today:
        raise InvalidTraitsError


def parse_sex(text: str) -> Sex:
    """Returns the sex from its FHIR code. Raises InvalidTraitsError."""
    try:
        return Sex(text)
    except ValueError:
        raise InvalidTraitsError("The sex is male, female or unknown.") from None


def are_same_person(recorded: dict[str, str], stated: dict[str, str]) -> bool:
    """Returns whether two sets of normalised traits describe one person; traits missing or unknown on one side are not
    compared."""
    shared_names = recorded.keys() & stated.keys()
    compared = (name for name in shared_names if Sex.UNKNOWN.value not in (recorded[name], stated[name]))
    return all(recorded[name] == stated[name] for name in compared)
