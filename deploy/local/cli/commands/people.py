"""The options that name a person by INS and traits, and the parts of a request's body that they fill."""

from datetime import date
from enum import StrEnum
from typing import Annotated

import typer

from deploy.local.cli.commands.common import EXIT_USAGE, check_value, fail
from shared.terminology.oids import INS_NIA, INS_NIR, INS_NIR_DEMO, INS_NIR_TEST

_OIDS = (INS_NIR, INS_NIA, INS_NIR_TEST, INS_NIR_DEMO)


class Sex(StrEnum):
    """The person's administrative gender, in FHIR's codes."""

    FEMALE = "female"
    MALE = "male"
    UNKNOWN = "unknown"


def check_oid(oid: str) -> str:
    """Returns the OID. Exits with 2 unless it is that of an INS."""
    check_value("--oid", oid, _OIDS)
    return oid


OidOption = Annotated[
    str, typer.Option("--oid", callback=check_oid, help="OID of the INS: NIR ends with .8, NIA .9, tests .10.")
]


def ins_of(value: str, oid: str) -> dict[str, str]:
    """Returns the INS as the services read it."""
    return {"value": value, "oid": oid}


def traits_of(birth_name: str, given_name: str, birth_date: date, sex: Sex) -> dict[str, str]:
    """Returns the strict traits as the services read them."""
    return {
        "birth_name": birth_name,
        "given_name": given_name,
        "birth_date": birth_date.isoformat(),
        "sex": sex.value,
    }


def patient_of(
    ins: str,
    oid: str,
    birth_name: str | None,
    given_name: str | None,
    birth_date: date | None,
    sex: Sex | None,
    birth_place: str | None,
) -> dict[str, str | None]:
    """Returns the person as records compares them with a record. Exits with 2 where a trait is missing."""
    if birth_name is None or given_name is None or birth_date is None or sex is None:
        fail(EXIT_USAGE, "--ins needs --birth-name --given-name --birth-date --sex, as in the INS")
    return {
        "ins": ins,
        "ins_oid": oid,
        "birth_name": birth_name,
        "given_name": given_name,
        "birth_date": f"{birth_date:%Y-%m-%d}",
        "sex": sex.value,
        "birth_place": birth_place,
    }
