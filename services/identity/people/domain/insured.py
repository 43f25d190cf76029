"""The insured register: the persons insured, as the file of the health insurance describes them (docs/imports.md)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Literal, cast
from uuid import UUID

import orjson

from services.identity.kit.sealed_rows import Keyrings, Sealed, open_row, seal_row
from services.identity.people.domain.contacts import (
    LANGUAGES,
    LanguageUnknownError,
    checked_contact,
    checked_mobile,
)
from services.identity.people.domain.new_person import check_traits, parse_sex
from services.identity.people.domain.persons import IdentityStatus, Person, UsedNames, regime_code, region_code
from shared.crypto.fingerprints import ins_parts
from shared.crypto.keyring import Keyring
from shared.errors import InvalidError
from shared.human_text import clean_line, compact_code, has_control_character
from shared.runtime import clock
from shared.terminology.oids import INS_NIR
from shared.values import Ins, RedactedRepr, StrictTraits, check_key

KIND = "insured"
Language = Literal["fr", "en"]
REQUIRED_COLUMNS = ("ins", "birth_name", "given_name", "birth_date", "sex", "regime", "region")
ADDRESS_COLUMNS = tuple(f"address_{number}" for number in range(1, 7))
OPTIONAL_COLUMNS = (
    *("ins_oid", "birth_place", "used_family_name", "used_given_name", "identity_status", "card_serial"),
    *("card_owner_ins", "card_owner_ins_oid", "mail", "mobile", "language", *ADDRESS_COLUMNS),
)
_CARD = re.compile(r"[0-9A-Z]{6,24}")
_MAX_ADDRESS_LINE_LENGTH = 60
_SEXES = {"1": "male", "2": "female", "M": "male", "F": "female"}


class CardSerialInvalidError(InvalidError):
    """The serial number of a Vitale card has 6 to 24 letters and digits."""

    code = "card-serial-invalid"
    french = "Le numéro de série d’une carte Vitale compte 6 à 24 lettres et chiffres."


class AddressInvalidError(InvalidError):
    """A postal address has up to six lines of 60 characters at most, without control characters."""

    code = "address-invalid"
    french = "Une adresse postale a au plus six lignes de 60 caractères, sans caractère de contrôle."


@dataclass(frozen=True, slots=True, repr=False)
class ContactDetails(RedactedRepr):
    """The addresses at which an insured person can be reached."""

    mail: str | None = None
    mobile: str | None = None
    address: tuple[str, ...] = ()
    language: Language = "fr"


@dataclass(frozen=True, slots=True, repr=False)
class InsuredPerson(RedactedRepr):
    """The whole content of the register about one person.

    `card`: the serial number of the Vitale card; `card_owner`: the number of the insured person (ouvrant droit) who
    owns the card, for persons insured on somebody else's card.
    """

    person: Person
    contact_details: ContactDetails
    card: str | None = None
    card_owner: Ins | None = None

    def as_json(self) -> bytes:
        """Returns the JSON that is sealed for storage, without the card, which is stored only as a fingerprint."""
        details = self.contact_details
        reach = asdict(details)
        owner = self.card_owner
        owned = {} if owner is None else {"card_owner": [owner.matricule, owner.oid]}
        return orjson.dumps({**self.person.as_dict(), "reach": reach, **owned})

    @classmethod
    def from_json(cls, data: bytes) -> "InsuredPerson":
        """Returns the person that `as_json` encoded."""
        document = orjson.loads(data)
        details, owner = document["reach"], document.get("card_owner")
        return cls(
            Person.from_json(data),
            ContactDetails(**{**details, "address": tuple(details["address"])}),
            card_owner=None if owner is None else Ins(*owner),
        )


@dataclass(frozen=True, slots=True)
class InsuredRow:
    """A row of the register. `open_insured` decrypts `sealed`; `is_card_of` compares `card`."""

    id: UUID
    fingerprint: str
    card: str | None
    birth_year: int
    region: str
    regime: str
    identity_status: str
    sealed: Sealed


@dataclass(frozen=True, slots=True)
class InsuredRowUpdate:
    """A row to be written; `content` is the keyed hash of everything that the register holds about the person."""

    row: InsuredRow
    content: str


@dataclass(frozen=True, slots=True)
class InsuredSelection:
    """The people that a campaign selects, by birth years (both included) and codes.

    None and empty sequences select everybody. `statuses`: an INS may be shared for a qualified identity only.
    """

    born_from: int | None = None
    born_to: int | None = None
    regions: Sequence[str] = ()
    regimes: Sequence[str] = ()
    statuses: Sequence[str] = (IdentityStatus.QUALIFIED,)


def insured_id(fingerprint: str) -> UUID:
    """Returns the id of a row, derived from its fingerprint; its last 16 bits are the bucket (`clock.bucket_in`)."""
    return clock.hashed_id(fingerprint.encode())


def seal_insured(keyrings: Keyrings, insured_person: InsuredPerson, fingerprint: str | None = None) -> InsuredRowUpdate:
    """Returns the row of a person under the active keys. `fingerprint`: that of an existing row under an older key."""
    person, plain = insured_person.person, insured_person.as_json()
    fingerprint = fingerprint or keyrings.ins.fingerprint(*ins_parts(person.ins))
    id = insured_id(fingerprint)
    assert person.traits.birth_date is not None
    row = InsuredRow(
        id=id,
        fingerprint=fingerprint,
        card=None
        if insured_person.card is None
        else keyrings.ins.fingerprint(*_card_parts(person.ins, insured_person.card)),
        birth_year=int(person.traits.birth_date[:4]),
        region=person.region or "",
        regime=person.regime or "",
        identity_status=person.status,
        sealed=seal_row(keyrings.persons, plain, KIND, id),
    )
    return InsuredRowUpdate(row, keyrings.ins.fingerprint("insured", plain.decode(), insured_person.card or ""))


def open_insured(keyring: Keyring, row: InsuredRow) -> InsuredPerson:
    """Returns the person of a row. `keyring`: `keyrings.persons`. Raises SealBrokenError."""
    return InsuredPerson.from_json(open_row(keyring, row.sealed, KIND, row.id))


def is_card_of(keyring: Keyring, row: InsuredRow, ins: Ins, serial: str) -> bool:
    """Returns whether the serial number is that of the card in the register. `keyring`: `keyrings.ins`."""
    return row.card is not None and keyring.matches(row.card, *_card_parts(ins, _card_serial(serial)))


def parse_insured(fields: Mapping[str, str], today: date, *, test_keys: bool) -> InsuredPerson:
    """Returns the person of a line. Raises a CodedError whose code identifies the invalid field.

    `test_keys`: numbers under a test OID may have a wrong key.
    """
    fields = {name: clean_line(text) for name, text in fields.items()}
    ins = Ins.parse(fields["ins"], fields.get("ins_oid") or INS_NIR)
    check_key(ins, lenient_test_oids=test_keys)
    stated_sex = fields["sex"]
    traits = StrictTraits(
        birth_name=fields["birth_name"],
        given_name=fields["given_name"],
        birth_date=fields["birth_date"],
        sex=parse_sex(_SEXES.get(stated_sex, stated_sex)),
        birth_place=fields.get("birth_place") or None,
    )
    check_traits(traits, today)
    person = Person(
        ins,
        traits,
        UsedNames(fields.get("used_family_name") or None, fields.get("used_given_name") or None),
        IdentityStatus.of(fields.get("identity_status") or IdentityStatus.QUALIFIED),
        regime_code(fields["regime"]),
        region_code(fields["region"]),
    )
    serial = fields.get("card_serial")
    return InsuredPerson(
        person,
        _contact_details(fields),
        _card_serial(serial) if serial else None,
        _card_owner(fields, ins.oid, test_keys=test_keys),
    )


def _card_owner(fields: Mapping[str, str], own_oid: str, *, test_keys: bool) -> Ins | None:
    number = fields.get("card_owner_ins")
    if not number:
        return None
    owner = Ins.parse(number, fields.get("card_owner_ins_oid") or own_oid)
    check_key(owner, lenient_test_oids=test_keys)
    return owner


def _contact_details(fields: Mapping[str, str]) -> ContactDetails:
    language = fields.get("language") or "fr"
    if language not in LANGUAGES:
        raise LanguageUnknownError
    lines = tuple([line for column in ADDRESS_COLUMNS if (line := fields.get(column))])
    if any(len(line) > _MAX_ADDRESS_LINE_LENGTH or has_control_character(line) for line in lines):
        raise AddressInvalidError
    mail, number = fields.get("mail"), fields.get("mobile")
    return ContactDetails(
        checked_contact(mail, language, "holder").mail if mail else None,
        checked_mobile(number) if number else None,
        lines,
        cast(Language, language),
    )


def _card_serial(text: str) -> str:
    serial = compact_code(text).upper()
    if _CARD.fullmatch(serial) is None:
        raise CardSerialInvalidError
    return serial


def _card_parts(ins: Ins, serial: str) -> tuple[Any, ...]:
    return "card", *ins_parts(ins)[1:], serial
