"""Any bytes are accepted as XML or refused with a reason, in bounded time."""

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.cda.errors import (
    DoctypeError,
    EmptyXmlError,
    EncodingError,
    InvalidCdaError,
    NulCharacterError,
    TooDeepError,
    TooLargeError,
)
from shared.cda.header import read_header
from shared.cda.xml import MAX_SIZE, check_xml
from tests.infra.platform.paths import DOCUMENTS

CONSULTATION = (DOCUMENTS / "consultation.xml").read_bytes()
WRAPPED = (DOCUMENTS / "self-displaying.xml").read_bytes()


@pytest.mark.parametrize("name", ["consultation.xml", "biology-pdf.xml", "self-displaying.xml"])
def test_a_cda_tells_whose_it_is(name: str) -> None:
    summary = check_xml((DOCUMENTS / name).read_bytes())
    assert summary is not None
    assert [ins.matricule for ins in summary.ins] == ["258077511402542"]


def test_other_xml_may_be_taken_too() -> None:
    assert check_xml(b"<a><b/></a>") is None
    for name in ("utf8", "UTF8", "utf_8", "U8"):
        assert check_xml(f"<?xml version='1.0' encoding='{name}'?><a>l’hôpital</a>".encode()) is None
    assert check_xml("<?xml version='1.0' encoding='ISO-8859-15'?><a>é</a>".encode("iso-8859-15")) is None


def test_an_ins_elsewhere_than_on_the_patient_is_not_the_patients() -> None:
    other = CONSULTATION.replace(b"<patientRole>", b"<patientRole><guardian>").replace(
        b"</patientRole>", b"</guardian></patientRole>"
    )
    summary = check_xml(other)
    assert summary is not None
    assert summary.ins == ()


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", EmptyXmlError),
        (b" \n", EmptyXmlError),
        (b"%PDF-1.4", InvalidCdaError),
        (b"<a>", InvalidCdaError),
        (b"<a/><b/>", InvalidCdaError),
        (b"<a b='1' b='2'/>", InvalidCdaError),
        (b"<a><b></a></b>", InvalidCdaError),
        (b"<c:a/>", InvalidCdaError),
        (b"<a>&e;</a>", InvalidCdaError),
        (b"<a>\xff</a>", InvalidCdaError),
        (b"<a>&#0;</a>", InvalidCdaError),
        (b"<a>\x00</a>", NulCharacterError),
        ("<a/>".encode("utf-16"), NulCharacterError),
        (b"<?xml version='1.0' encoding='klingon'?><a/>", EncodingError),
        (b"<?xml version='1.0' encoding='shift_jis'?><a/>", EncodingError),
        (b"<!DOCTYPE a><a/>", DoctypeError),
        (b"<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>", DoctypeError),
        (b"<!DOCTYPE a SYSTEM 'http://localhost:1/x.dtd'><a/>", DoctypeError),
        (b"<a>" + b"<b/>" * 600_000 + b"</a>", TooLargeError),
    ],
)
def test_what_is_refused_is_refused_with_its_reason(content: bytes, error: type[InvalidCdaError]) -> None:
    with pytest.raises(error) as caught:
        check_xml(content)
    assert caught.value.code == error.code
    assert str(caught.value)


def test_size_is_bounded() -> None:
    with pytest.raises(TooLargeError):
        check_xml(b"<a>" + bytes(MAX_SIZE) + b"</a>")


# Ways to write a document such that mere counting miscounts tags, ends and empty elements.
DISGUISES = [
    "{}",
    "<r>/>/>/>{}</r>",
    "<r a='/>' b=\"</x>\" >{}</r>".replace("</x>", "/x>"),
    "<r><![CDATA[</a></a></a>]]>{}</r>",
    "<r><!-- </a></a></a> /> <a> -->{}</r>",
    "<r><?x </a></a> <!-- ?>{}</r>",
    "<r>" + "<b c='>'/>" * 2000 + "{}</r>",
    "<r>" + "<b>text</b>\n" * 3000 + "{}</r>",
]


@pytest.mark.parametrize("disguise", DISGUISES)
def test_the_bound_on_depth_is_exact_however_the_document_is_written(disguise: str) -> None:
    allowed = 256 if disguise == "{}" else 255
    for depth in (allowed, allowed + 1, 5000):
        nested = "<a>" * (depth // 2) + "<a x='1'>/>" * (depth - depth // 2) + "</a>" * depth
        content = disguise.format(nested).encode()
        if depth == allowed:
            check_xml(content)
            continue
        with pytest.raises(TooDeepError):
            check_xml(content)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60), st.integers(0, len(CONSULTATION)), st.sampled_from([CONSULTATION, WRAPPED]))
def test_any_bytes_are_taken_or_refused(noise: bytes, at: int, document: bytes) -> None:
    for content in (noise, document[:at] + noise + document[at:], document[:at]):
        for read in (check_xml, read_header):
            try:
                read(content)
            except InvalidCdaError as error:
                assert error.code  # noqa: PT017 - either outcome is right


def test_made_up_names_leave_no_memory_behind() -> None:
    program = """
import resource
from shared.cda.xml import check_xml
for turn in range(8):
    check_xml(b"<a>" + b"".join(b"<n%d_%d/>" % (turn, i) for i in range(60_000)) + b"</a>")
    if turn == 1:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    grown = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert int(grown.stdout) < 5_000
