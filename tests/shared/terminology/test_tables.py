"""The tables agree with their sources, and codes are found in the spellings of senders."""

import pytest

from shared.terminology import documents, oids, professions, vaccines, visibility
from shared.terminology.analyses import analysis_name
from shared.terminology.tables import rows
from shared.terminology.visibility import Confidentiality, Visibility


def test_the_dmp_takes_the_102_types_of_its_value_set_and_each_has_a_class_and_a_section() -> None:
    types = documents.document_types()
    assert len(types) == 102
    assert all(
        document_type.label and document_type.class_code in documents.class_labels() for document_type in types.values()
    )
    assert all(document_type.section in documents.section_labels() for document_type in types.values())


@pytest.mark.parametrize(
    ("code", "class_code", "section"),
    [
        ("11488-4", "10", "CPT_REND"),
        ("60591-5", "11", "SYNTHESE"),
        ("11502-2", "10", "BIOLOGIE"),
        ("18748-4", "31", "RADIO_SC"),
        ("57833-6", "42", "ORD_SOIN"),
        ("11369-6", "52", "CAR_VAC"),
        ("89601-9", "52", "CERT_MED"),
        ("REMB", "60", "REMB"),
        ("EXPPAT_3", "90", "DIR_ANT"),
        ("ATTEST-RESID", "95", "DOC_ADM"),
        ("DOCPAT08", "11", "SYNTH_PML"),
    ],
)
def test_class_and_section_follow_from_the_type(code: str, class_code: str, section: str) -> None:
    document_type = documents.document_type(code)
    assert document_type is not None
    assert (document_type.class_code, document_type.section) == (class_code, section)


def test_a_type_is_found_under_each_name_of_its_system_and_no_other() -> None:
    for system in ("http://loinc.org", "urn:oid:2.16.840.1.113883.6.1", "2.16.840.1.113883.6.1", oids.TRE_A04_SYSTEM):
        assert documents.document_type("11488-4", system) is not None
    assert documents.document_type("11488-4", oids.TRE_A05_SYSTEM) is None
    assert documents.document_type("SYNTH", oids.TRE_A05_SYSTEM) is not None
    assert documents.document_type("34105-7") is None
    assert documents.document_type("101881-1", "http://loinc.org") is None


def test_the_format_follows_from_the_most_specific_template() -> None:
    general = ("2.16.840.1.113883.2.8.2.1", "1.2.250.1.213.1.1.1.1")
    assert documents.format_code((*general, "1.2.250.1.213.1.1.1.29")) == "urn:asip:ci-sis:ldl-ses:2017"
    assert documents.format_code(general) == "urn:ihe:iti:xds:2017:mimeTypeSufficient"
    assert documents.format_code(general, "application/pdf") == "urn:ihe:iti:xds-sd:pdf:2008"


def test_labels_are_known_under_their_systems_and_the_alias_is_the_same_label() -> None:
    assert visibility.label("INVISIBLE_REP_LEGAUX") is Visibility.INVISIBLE_TO_REPRESENTATIVES
    assert visibility.label("N", oids.CONFIDENTIALITY_SYSTEM) is Confidentiality.NORMAL
    assert visibility.label("N", oids.TRE_A07_SYSTEM.replace("Statut", "Status")) is Confidentiality.NORMAL
    assert visibility.label("MASQUE_PS", "http://example.org") is None
    assert visibility.label("SECRET") is None


def test_labels_are_one_confidentiality_and_the_visibility() -> None:
    assert visibility.normalised([]) == ("N",)
    assert visibility.normalised([Visibility.MASKED]) == ("N", "MASQUE_PS")
    assert visibility.normalised(
        [Confidentiality.NORMAL, Visibility.MASKED, Confidentiality.RESTRICTED, Visibility.INVISIBLE_TO_PATIENT]
    ) == ("R", "INVISIBLE_PATIENT", "MASQUE_PS")


def test_professions_are_found_by_code() -> None:
    doctor = professions.profession("10")
    assert doctor is not None
    assert (doctor.table, doctor.code) == ("TRE_G15", "10")
    assert professions.profession("10", "TRE_G16") is not None
    for unknown in ("99", "", "G15_10"):
        assert professions.profession(unknown) is None


def test_every_vaccine_of_the_table_protects_against_diseases_with_names_in_both_languages() -> None:
    named = vaccines.vaccine_diseases()
    assert all(disease.french and disease.english for disease in named.values())
    stated = {disease for vaccine in vaccines.vaccines_by_atc().values() for disease in vaccine.diseases}
    assert stated == named.keys(), "each disease has a vaccine, and each vaccine's diseases have names"


def test_a_vaccines_codes_state_its_diseases_unless_they_disagree() -> None:
    measles, tetanus = (vaccines.ATC, "J07BD52"), (vaccines.ATC, "J07AM01")
    assert vaccines.diseases_of([measles, (vaccines.CVX, "03")]) == {"measles", "mumps", "rubella"}
    assert vaccines.diseases_of([("urn:oid:1.2.3", "J07BD52")]) == frozenset()
    assert vaccines.diseases_of([measles, tetanus]) == frozenset()


def test_a_cvx_code_states_the_same_diseases_as_each_atc_code_that_implies_it() -> None:
    for atc, vaccine in vaccines.vaccines_by_atc().items():
        if (cvx := vaccines.cvx_of_atc(atc)) is not None:
            assert vaccines.diseases_of([(vaccines.CVX, cvx)]) == vaccine.diseases, atc


def test_analyses_have_a_loinc_code_once_and_a_name_in_both_languages() -> None:
    table = list(rows("analyses"))
    assert len({row["code"] for row in table}) == len(table)
    assert all(_has_check_digit(row["code"]) and row["name_fr"] and row["name_en"] for row in table)
    name = analysis_name("718-7")
    assert name is not None
    assert (name.french, name.english) == ("Hémoglobine", "Haemoglobin")
    assert analysis_name("0-0") is None


def _has_check_digit(loinc: str) -> bool:
    """Returns whether the last digit is that of the number before it (Luhn, as LOINC's are)."""
    number, _, check = loinc.partition("-")
    doubled = "".join(str(int(digit) * (2 if place % 2 == 0 else 1)) for place, digit in enumerate(reversed(number)))
    return (-sum(map(int, doubled))) % 10 == int(check)
