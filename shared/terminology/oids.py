"""Object identifiers and FHIR systems of the code tables, as constants.

Sources: CI-SIS annexes on identifiers, NOS (ANS), PDSm 3.1.1, HL7 terminology.
"""

from typing import Final

INS_NIR: Final = "1.2.250.1.213.1.4.8"
INS_NIA: Final = "1.2.250.1.213.1.4.9"
INS_NIR_TEST: Final = "1.2.250.1.213.1.4.10"
INS_NIR_DEMO: Final = "1.2.250.1.213.1.4.11"
INS_C: Final = "1.2.250.1.213.1.4.2"
"""The old, calculated INS, recognised only in order to report that it is not accepted."""

INS_PRODUCTION_OIDS: Final = frozenset({INS_NIR, INS_NIA})
INS_TEST_OIDS: Final = frozenset({INS_NIR_TEST, INS_NIR_DEMO})
INS_OIDS: Final = INS_PRODUCTION_OIDS | INS_TEST_OIDS
INS_NIA_OIDS: Final = frozenset({INS_NIA}) | INS_TEST_OIDS
"""OIDs under which waiting numbers are allowed; the test OIDs hold both kinds."""

PROFESSIONAL: Final = "1.2.250.1.71.4.2.1"
STRUCTURE: Final = "1.2.250.1.71.4.2.2"
STRUCTURE_OTHER: Final = "1.2.250.1.213.4.1"

LOINC: Final = "2.16.840.1.113883.6.1"
TRE_A05: Final = "1.2.250.1.213.1.1.4.12"
TRE_A02: Final = "1.2.250.1.213.1.1.4.5"
TRE_R308: Final = "1.2.250.1.213.1.1.4.322"
CISP2: Final = "2.16.840.1.113883.6.139"
CONFIDENTIALITY: Final = "2.16.840.1.113883.5.25"
VISIBILITY: Final = "1.2.250.1.213.1.1.4.13"

URI: Final = "urn:ietf:rfc:3986"
LOINC_SYSTEM: Final = "http://loinc.org"
CONFIDENTIALITY_SYSTEM: Final = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"


def _nos(table: str, name: str) -> str:
    """Returns the FHIR system of a table of the NOS: `TRE_A03-X` becomes `TRE-A03-X` in its last part."""
    return f"https://mos.esante.gouv.fr/NOS/{table}-{name}/FHIR/{table.replace('_', '-')}-{name}"


TRE_A00_SYSTEM: Final = _nos("TRE_A00", "ProducteurDocNonPS")
TRE_A01_SYSTEM: Final = _nos("TRE_A01", "CadreExercice")
TRE_A02_SYSTEM: Final = _nos("TRE_A02", "ProfessionSavFaire-CISIS")
TRE_A03_SYSTEM: Final = _nos("TRE_A03", "ClasseDocument")
TRE_A04_SYSTEM: Final = _nos("TRE_A04", "Loinc")
TRE_A05_SYSTEM: Final = _nos("TRE_A05", "TypeDocComplementaire")
TRE_A06_SYSTEM: Final = _nos("TRE_A06", "FormatCodeComplementaire")
TRE_A07_SYSTEM: Final = _nos("TRE_A07", "StatutVisibiliteDocument")
TRE_A10_SYSTEM: Final = _nos("TRE_A10", "NiveauConfidentialite")
TRE_A11_SYSTEM: Final = _nos("TRE_A11", "IheFormatCode")
TRE_G15_SYSTEM: Final = _nos("TRE_G15", "ProfessionSante")
TRE_R02_SYSTEM: Final = _nos("TRE_R02", "SecteurActivite")
TRE_R13_SYSTEM: Final = _nos("TRE_R13", "CommuneOM")
TRE_R308_SYSTEM: Final = _nos("TRE_R308", "TAASIP")
TRE_R313_SYSTEM: Final = _nos("TRE_R313", "CISP2")
JDV_J66: Final = _nos("JDV_J66", "TypeCode-DMP")
