"""A certificate is one tagged page in French and English, whose QR codes and attachment are the signed card."""

import io
from datetime import date
from typing import Any

import pypdf
import zxingcpp

from services.records.certificates.adapters.pdf import words, write_pdf
from services.records.certificates.adapters.qr_images import LARGEST_VERSION, drawn, qr_image
from services.records.certificates.domain.health_card import IssuedCard
from services.records.certificates.domain.qr_text import LONGEST_PART, LONGEST_SINGLE, QrText
from shared.terminology.vaccines import VaccineDisease, vaccine_diseases
from tests.infra.records.certificates import HOLDER, RID, a_card, a_dose

MEASLES = vaccine_diseases()["measles"]
SCALE = 4


def page_of(card: IssuedCard, disease: VaccineDisease | None = MEASLES) -> pypdf.PdfReader:
    return pypdf.PdfReader(io.BytesIO(write_pdf(card, disease)))


def read_code(code: QrText) -> str:
    rows = [bytes(0 if module else 255 for module in row) for row in drawn(code).matrix_iter(scale=SCALE, border=4)]
    image = memoryview(b"".join(rows)).cast("B", shape=[len(rows), len(rows[0])])
    (barcode,) = zxingcpp.read_barcodes(image)
    return barcode.text


def test_a_reader_of_qr_codes_that_others_wrote_reads_the_card() -> None:
    (code,) = a_card().codes
    assert read_code(code) == str(code)
    assert qr_image(code, "png").startswith(b"\x89PNG")
    assert b"<svg" in qr_image(code, "svg")


def test_the_longest_texts_fit_in_codes_that_can_be_read_at_40_mm() -> None:
    for prefix, length in (("shc:/", LONGEST_SINGLE), ("shc:/1/3/", LONGEST_PART)):
        version = drawn(QrText(prefix, "56" * length)).version
        assert isinstance(version, int)
        assert version <= LARGEST_VERSION


def test_the_page_is_tagged_and_says_in_both_languages_what_the_card_says() -> None:
    reader = page_of(a_card())
    assert len(reader.pages) == 1
    markings: Any = reader.root_object["/MarkInfo"]
    assert markings["/Marked"]
    assert str(reader.root_object["/Lang"]).startswith("fr")
    text = reader.pages[0].extract_text()
    assert reader.metadata is not None
    assert reader.metadata.title == " – ".join(words()["title"].values())
    for word in (HOLDER.birth_name, HOLDER.given_name, "Rougeole", "Measles", "1 mars 2025", "1 Mar 2025", "LOT1", RID):
        assert word in text
    assert all(entry.keys() == {"french", "english"} for entry in words().values())


def test_the_signed_card_is_attached_to_the_page() -> None:
    card = a_card()
    attached = page_of(card).attachments
    assert {name: contents[0] for name, contents in attached.items()} == {"certificate.smart-health-card": card.file()}


def test_twelve_doses_with_long_names_stay_one_page() -> None:
    doses = [
        a_dose(
            number,
            day=date(2000 + number, 1 + number, 28),
            name="WMWMW " * 20,
            lot=f"W{number * 104729:x}" * 2,
            performer=f"{number} WMWMW {number * 7919:x} MWMWM " * 2,
        )
        for number in range(12)
    ]
    card = a_card(*doses)
    assert len(card.codes) > 1
    assert len(page_of(card).pages) == 1


def test_a_name_is_shown_as_text_and_never_run() -> None:
    name = '#panic("run") $x$ *a* <b> \\ "c" {d}'
    text = page_of(a_card(a_dose(1, name=name)), None).pages[0].extract_text()
    assert "#panic" in text
