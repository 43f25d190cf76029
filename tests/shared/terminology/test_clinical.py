"""Code systems of clinical content go by OID; absence, allergens and implants are recognised by their tables."""

import re

import pytest

from shared.terminology.clinical import absent_statement, code_systems, is_allergen, is_implant
from shared.terminology.tables import rows

SNOMED_CT, SNOMED_35, CIM_10 = "2.16.840.1.113883.6.96", "1.2.250.1.213.2.12", "2.16.840.1.113883.6.3"


def test_every_system_has_a_row_of_its_own_and_every_table_names_known_systems() -> None:
    oids = [row["oid"] for row in rows("code_systems")]
    assert len(oids) == len(set(oids)) == len(code_systems())
    assert all(re.fullmatch(r"[0-2](\.(0|[1-9]\d*))+", oid) for oid in oids)
    assert all(re.match(r"(https?|urn):", system.uri) for system in code_systems().values())
    for table in ("absent_codes", "allergen_codes", "implants"):
        assert {row["system_oid"] for row in rows(table)} <= set(oids)


@pytest.mark.parametrize(
    ("code", "system", "statement"),
    [
        ("02276797", "1.2.250.1.213.2.63", "none"),
        ("02276797", "1.2.250.1.213.2.3.1", None),
        ("716186003", SNOMED_CT, "none"),
        ("no-known-allergies", "2.16.840.1.113883.5.1150.1", "none"),
        ("No-Known-Problems", None, "none"),
        ("no-medication-info", "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips", "unknown"),
        ("no-one", None, None),
        ("J45", CIM_10, None),
    ],
)
def test_a_code_that_states_absence_is_recognised(code: str, system: str | None, statement: str | None) -> None:
    assert absent_statement(code, system) == statement


def test_a_substance_is_an_allergen_and_a_reaction_is_none() -> None:
    assert is_allergen("C-F0120", SNOMED_35)
    assert is_allergen("XM5DJ7", "2.16.840.1.113883.6.347")
    assert not is_allergen("T78.3", CIM_10)
    assert not is_allergen("4A80.0", "2.16.840.1.113883.6.347")
    assert not is_allergen("C-F0120", None)


def test_an_implant_is_one_of_its_table() -> None:
    assert is_implant("J010104", "1.2.250.1.213.2.68")
    assert not is_implant("V0806", "1.2.250.1.213.2.68")
    assert not is_implant("J45", CIM_10)
