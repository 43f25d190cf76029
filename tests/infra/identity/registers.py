"""Invented files: an insured register and an extraction of the directory. Equal seeds give equal files."""

import random
from collections.abc import Iterator
from pathlib import Path

from shared.terminology.oids import INS_NIR_TEST
from shared.values import ins_key

REGISTER_HEADER = (
    "ins;ins_oid;birth_name;given_name;birth_date;sex;birth_place;used_family_name;used_given_name;identity_status;"
    "regime;region;card_serial;mail;mobile;language;address_1;address_2;address_3;card_owner_ins"
)
_NAMES = ("ABRISSEAU", "BELLECOMBE", "D'ORMEUIL", "GRANDCLAIR", "NOISERAIE", "ROSEMBOIS", "VALTONNE", "YVREMONT")
_GIVEN = {"1": ("AMBROISE", "CÔME", "EUSÈBE", "ZACHARIE"), "2": ("APOLLINE", "DAPHNÉ", "LUCILE", "ZÉLIE")}
_REGIMES = ("01", "01", "01", "01", "02", "04", "08", "91", "93", "94")
_REGIONS = ("11", "24", "27", "28", "32", "44", "52", "53", "75", "76", "84", "93", "94", "02", "04")
_SPACE = 2 * 80 * 12 * 999


def number_of(place: int) -> str:
    """Returns the number, with its key, at a place in the list of possible ones.

    The numbers name no commune and belong to persons born from 1930 to 2009.
    """
    place, order = divmod(place % _SPACE, 999)
    place, month = divmod(place, 12)
    sex, year = divmod(place, 80)
    number = f"{sex + 1}{(30 + year) % 100:02d}{month + 1:02d}99999{order + 1:03d}"
    return number + ins_key(number)


def register_lines(count: int, seed: int = 1) -> Iterator[str]:
    """Yields the lines of `count` different invented persons, without the header."""
    dice = random.Random(seed)
    for index in range(count):
        ins = number_of(index * 7919 + seed)  # 7919 has no common divisor with the space
        name, given_name = dice.choice(_NAMES), dice.choice(_GIVEN[ins[0]])
        year = 1900 + int(ins[1:3]) if int(ins[1:3]) >= 30 else 2000 + int(ins[1:3])
        yield ";".join(
            (
                *(ins, INS_NIR_TEST, name, given_name, f"{year}-{ins[3:5]}-{dice.randint(1, 28):02d}", ins[0], "99999"),
                *("", given_name.title() if index % 7 == 0 else "", "qualified" if index % 11 else "provisional"),
                *(dice.choice(_REGIMES), dice.choice(_REGIONS), f"{dice.randrange(10**9, 10**10)}"),
                f"invente.{index}@patient.example" if index % 3 else "",
                f"06{dice.randrange(10**8):08d}" if index % 4 else "",
                "fr" if index % 20 else "en",
                *(f"{given_name} {name}", f"{dice.randint(1, 200)} RUE INVENTEE", "99999 NULLEPART", ""),
            )
        )


def write_register(path: Path, count: int, seed: int = 1) -> Path:
    """Writes a register of `count` invented persons and returns its path."""
    with path.open("w", encoding="utf-8") as file:
        file.write(REGISTER_HEADER + "\n")
        file.writelines(line + "\n" for line in register_lines(count, seed))
    return path


DIRECTORY_HEADER = (
    "Type d'identifiant PP|Identifiant PP|Identification nationale PP|Code civilité d'exercice|"
    "Libellé civilité d'exercice|Nom d'exercice|Prénom d'exercice|Code profession|Libellé profession|"
    "Code catégorie professionnelle|Code type savoir-faire|Code savoir-faire|Libellé savoir-faire|Code mode exercice|"
    "Numéro SIRET site|Numéro SIREN site|Numéro FINESS site|Numéro FINESS établissement juridique|"
    "Identifiant technique de la structure|Raison sociale site"
)


def activity(
    rpps: str = "99900000101",
    *,
    name: str = "MARBEUF",
    given_name: str = "Camille",
    profession: str = "10",
    category: str = "C",
    specialty: str = "SM26",
    finess: str = "990000105",
    siret: str = "",
    technical: str = "",
    place: str = "Hôpital des Trois Rivières",
    national: str | None = None,
) -> str:
    """Returns a line of the extraction, without quotation marks."""
    who = ("8", rpps, f"8{rpps}" if national is None else national, "DR", "Docteur", name, given_name)
    what = (profession, "Profession", category, "S", specialty, "Savoir-faire", "S")
    return "|".join((*who, *what, siret, "", finess, "", technical, place))


def write_directory(path: Path, *lines: str) -> Path:
    """Writes an extraction with these lines and returns its path."""
    path.write_text("\n".join((DIRECTORY_HEADER, *lines)) + "\n", encoding="utf-8")
    return path
