"""Reads the header of CDA documents in the variants in which headers are written."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from shared.cda.errors import IncompleteHeaderError, InvalidCdaError, NotCdaError, TooLargeError
from shared.cda.header import read_header
from shared.cda.summary import CdaCode, parse_time, partial_date
from shared.moments import FRANCE, NO_PARTIAL_DATES
from shared.terminology import oids
from tests.infra.platform.paths import DOCUMENTS

CONSULTATION = (DOCUMENTS / "consultation.xml").read_bytes()
PARIS = timezone(timedelta(hours=1))


def test_a_header_is_read() -> None:
    header = read_header(CONSULTATION)
    assert header.unique_id == "urn:uuid:4e5a8e0b-6e0c-4b57-9a5e-0c9e5d1f7a21"
    assert (header.type.code, header.type.system_oid) == ("11488-4", oids.LOINC)
    assert header.title == "Consultation de suivi"
    assert header.effective_time == datetime(2026, 3, 12, 14, 15, tzinfo=PARIS)
    assert (header.confidentiality, header.language) == ("N", "fr-FR")
    assert [ins.matricule for ins in header.ins] == ["258077511402542"]
    assert header.traits.normalised() == {
        "birth_name": "D ORMESSON LEVY",
        "given_name": "ODILE",
        "birth_date": "1958-07-14",
        "sex": "female",
        "birth_place": "75114",
    }
    (author,) = header.authors
    assert (author.professional, author.organisation, author.is_device) == ("899700000017", "1990000015", False)
    assert author.role == CdaCode("G15_10/SM26", oids.TRE_A02)
    assert header.custodian == "1990000015"
    assert header.facility_type == CdaCode("SA07", "1.2.250.1.71.4.2.4")
    assert header.practice_setting == CdaCode("AMBULATOIRE", "1.2.250.1.213.1.1.4.9")
    assert header.service_start == datetime(2026, 3, 12, 14, tzinfo=PARIS)
    assert header.service_stop == datetime(2026, 3, 12, 14, 15, tzinfo=PARIS)
    assert header.partial_dates == NO_PARTIAL_DATES
    assert header.replaces == "urn:oid:1.2.250.1.999.7.3^CR-2026-01"


def test_a_body_that_is_not_structured_has_the_format_of_its_media_type() -> None:
    header = read_header((DOCUMENTS / "biology-pdf.xml").read_bytes())
    assert header.unique_id == "urn:oid:1.2.250.1.999.7.4^BIO-77"
    assert header.format_code == "urn:ihe:iti:xds-sd:pdf:2008"
    assert header.traits.normalised()["given_name"] == "ODILE"


def test_a_document_inside_its_style_sheet_is_read() -> None:
    header = read_header((DOCUMENTS / "self-displaying.xml").read_bytes())
    assert (header.type.code, header.type.system_oid) == ("SYNTH", oids.TRE_A05)


def test_the_body_is_not_read() -> None:
    cut = CONSULTATION[: CONSULTATION.index(b"<section>")]
    assert read_header(cut) == read_header(CONSULTATION)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'root="4E5A8E0B-6E0C-4B57-9A5E-0C9E5D1F7A21"', b'nullFlavor="UNK"'),
        (b'root="4E5A8E0B-6E0C-4B57-9A5E-0C9E5D1F7A21"', b'root="7"'),
        (b'code code="11488-4"', b'code nullFlavor="UNK"'),
        (b'effectiveTime value="20260312141500+0100"', b'effectiveTime value="yesterday"'),
    ],
)
def test_a_header_that_cannot_name_its_document_is_refused(old: bytes, new: bytes) -> None:
    with pytest.raises(IncompleteHeaderError):
        read_header(CONSULTATION.replace(old, new))


@pytest.mark.parametrize("content", [b"<a/>", b"<ClinicalDocument/>", b"<a xmlns='urn:hl7-org:v3'><b/></a>"])
def test_xml_without_a_clinical_document_is_refused(content: bytes) -> None:
    with pytest.raises(NotCdaError):
        read_header(content)


def test_an_endless_header_is_refused() -> None:
    with pytest.raises(TooLargeError):
        read_header(CONSULTATION.replace(b"<author>", b"<informant/>" * 30_000 + b"<author>"))


def test_what_may_be_absent_is_none() -> None:
    header = read_header(
        b"<ClinicalDocument xmlns='urn:hl7-org:v3'><id root='1.2.3'/><code code='x'/><effectiveTime value='2026'/>"
        b"</ClinicalDocument>"
    )
    assert (header.title, header.ins, header.authors, header.custodian) == ("x", (), (), None)
    assert not header.traits


@pytest.mark.parametrize(
    ("old", "new", "trait"),
    [
        (b"<county>75114</county>", b"<postalCode>75014</postalCode>", "birth_place"),
        (b"<county>75114</county>", b"<county>PARIS</county>", "birth_place"),
        (b'value="19580714"', b'value="1958"', "birth_date"),
        (b'value="19580714"', b'nullFlavor="UNK"', "birth_date"),
        (b'family qualifier="BR">d\xe2\x80\x99Ormesson-L\xc3\xa9vy<', b'family qualifier="SP">Autre<', "birth_name"),
        (b'administrativeGenderCode code="F"', b'administrativeGenderCode nullFlavor="UNK"', "sex"),
    ],
)
def test_a_trait_that_is_not_said_exactly_is_absent(old: bytes, new: bytes, trait: str) -> None:
    assert old in CONSULTATION
    traits = read_header(CONSULTATION.replace(old, new)).traits.normalised()
    assert trait not in traits
    assert len(traits) == 4


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026", datetime(2026, 1, 1, tzinfo=FRANCE)),
        ("20260312", datetime(2026, 3, 12, tzinfo=FRANCE)),
        ("202603121415", datetime(2026, 3, 12, 13, 15, tzinfo=UTC)),
        ("20260712142000", datetime(2026, 7, 12, 12, 20, tzinfo=UTC)),
        ("20260312142000+01", datetime(2026, 3, 12, 13, 20, tzinfo=UTC)),
        ("20260312142000.12345+0100", datetime(2026, 3, 12, 13, 20, tzinfo=UTC)),
        ("20161231235960+0000", datetime(2017, 1, 1, tzinfo=UTC)),
        ("20260312142061+0100", None),
        ("20260312142000+1", None),
        (
            "20260312141559.123-0330",
            datetime(2026, 3, 12, 14, 15, 59, tzinfo=timezone(-timedelta(hours=3, minutes=30))),
        ),
        ("20260229", None),
        ("00010101", None),
        ("20260312141500+9900", None),
        ("2026-03-12", None),
        ("", None),
        (None, None),
    ],
)
def test_times_are_read_as_hl7_writes_them(value: str | None, moment: datetime | None) -> None:
    assert parse_time(value) == moment


def test_nothing_of_the_patient_is_printed() -> None:
    text = repr(read_header(CONSULTATION))
    assert text == "CdaHeader(...)"


def test_an_error_does_not_repeat_the_document() -> None:
    with pytest.raises(InvalidCdaError) as caught:
        read_header(b"<ClinicalDocument xmlns='urn:hl7-org:v3'><title>SECRETNAME</heading></ClinicalDocument>")
    assert "SECRETNAME" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026", "2026"),
        ("202603", "2026-03"),
        ("20260312", "2026-03-12"),
        ("20260312+0100", "2026-03-12"),
        ("2026031214+0100", None),
        ("20260230", None),
        ("yesterday", None),
        (None, None),
    ],
)
def test_a_time_that_names_a_day_month_or_year_is_a_partial_date(text: str | None, expected: str | None) -> None:
    assert partial_date(text) == expected
