"""Invents persons. Their INS have a valid key and a place of birth that does not exist, so they belong to nobody."""

import random
import unicodedata
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from shared.terminology.oids import INS_NIR_TEST
from shared.values import ins_key

NOWHERE = "99999"
"""A commune code that belongs to no commune, as in the national test data."""
BIRTH_NAMES = (
    "ABRISSEAU", "BELLECOMBE", "CHANTERIVE", "DORMEUIL", "ESPERANDOT", "FAUVELIN", "GRANDCLAIR", "HAUTERAYE",
    "JOLIVERT", "LAVANDOIS", "MIRANDEUIL", "NOISERAIE", "ORMESSART", "PERCEVIGNE", "QUINTEREL", "ROSEMBOIS",
    "SAULNERAC", "TERNEVAL", "VALTONNE", "YVREMONT",
)  # fmt: skip
GIVEN_NAMES: dict[str, tuple[str, ...]] = {
    "female": (
        "APOLLINE",
        "BLANDINE",
        "CÉLESTE",
        "DAPHNÉ",
        "ÉLOÏSE",
        "FLORE",
        "HORTENSE",
        "LUCILE",
        "OCTAVIE",
        "ZÉLIE",
    ),
    "male": ("AMBROISE", "BASILE", "CÔME", "DESIRÉ", "EUSÈBE", "FIRMIN", "HECTOR", "LÉONCE", "ODILON", "ZACHARIE"),
}


@dataclass(frozen=True)
class InventedPerson:
    """An invented person, with all data that the opening of a record needs."""

    ins: str
    birth_name: str
    given_name: str
    birth_date: date
    sex: Literal["female", "male"]
    mail: str
    oid: str = INS_NIR_TEST
    birth_place: str = NOWHERE

    @property
    def name(self) -> str:
        """The name for display: given name, then birth name."""
        return f"{self.given_name.title()} {self.birth_name.title()}"

    @property
    def patient(self) -> str:
        """The INS as a FHIR search token, as emergency access names its patient."""
        return f"urn:oid:{self.oid}|{self.ins}"

    def opening(self, language: str = "fr", relation: str = "holder") -> dict[str, object]:
        """Returns the body of `POST /records`."""
        return opening(
            ins=self.ins,
            oid=self.oid,
            traits={
                "birth_name": self.birth_name,
                "given_name": self.given_name,
                "birth_date": self.birth_date.isoformat(),
                "sex": self.sex,
                "birth_place": self.birth_place,
            },
            mail=self.mail,
            language=language,
            relation=relation,
        )


def opening(
    *, ins: str, oid: str, traits: dict[str, str], mail: str | None, language: str, relation: str
) -> dict[str, object]:
    """Returns the body of `POST /records`."""
    contact = {"mail": mail, "language": language, "relation": relation}
    return {"ins": {"value": ins, "oid": oid}, "traits": traits, "contact": contact}


def invent(seed: int | None = None) -> InventedPerson:
    """Returns a random person; a seed determines the person."""
    random_source = random.Random(seed)
    sex: Literal["female", "male"] = random_source.choice(("female", "male"))
    birth_name, given_name = random_source.choice(BIRTH_NAMES), random_source.choice(GIVEN_NAMES[sex])
    born = date(1935, 1, 1) + timedelta(days=random_source.randrange(70 * 365))
    number = f"{2 if sex == 'female' else 1}{born:%y%m}{NOWHERE}{random_source.randrange(1, 999):03d}"
    mail = f"{_ascii(given_name)}.{_ascii(birth_name)}.{random_source.randrange(10_000):04d}@patient.example"
    return InventedPerson(number + ins_key(number), birth_name, given_name, born, sex, mail)


def _ascii(name: str) -> str:
    return unicodedata.normalize("NFKD", name.lower()).encode("ascii", "ignore").decode()
