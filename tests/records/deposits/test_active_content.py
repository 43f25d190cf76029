"""What would act when a document is opened is refused, however it is written; what only shows is taken."""

import random
import time
import zlib

import pytest

from services.records.deposits.domain.active_content import (
    ActiveContentError,
    UnreadableContentError,
    active_content_fault,
    pdf,
)
from services.records.deposits.domain.media_types import (
    DOC,
    DOCX,
    JPEG,
    MACROS,
    OWN,
    PDF,
    RTF,
    TEXT,
    ContentFormat,
    recognised,
)
from tests.infra.records.office import (
    a_doc,
    a_docx,
    a_field,
    a_pdf,
    a_relationship,
    an_object_stream,
)

SCRIPT_ACTION = b"<< /S /JavaScript /JS (app.alert\\(1\\)) >>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg">%s</svg>'
HARMLESS: list[tuple[bytes, ContentFormat]] = [
    (a_pdf(), PDF),
    (a_pdf(b"<< /S /URI /URI (https://example.org/javascript) >>", b"<< /S /GoTo /D [3 0 R /Fit] >>"), PDF),
    (a_pdf(b"(/ JavaScript, du texte)", b"<< /JavaScripts 1 /Launches 2 /Encrypted 3 >>"), PDF),
    (a_pdf(an_object_stream(b"<< /Title (Mes directives) >>")), PDF),
    (a_pdf(b"<< /Type /XRef /W [1 2 1] /Filter /FlateDecode /DecodeParms << /Predictor 12 >> >>\nstream\nx"), PDF),
    (a_pdf(b"<< /Filter /DCTDecode /First 1 >>\nstream\n\xff\xd8\nendstream"), PDF),
    (b'{\\rtf1\\ansi Directives {\\field{\\*\\fldinst HYPERLINK "https://example.org"}{\\fldrslt ici}}}', RTF),
    (b"{\\rtf1 La DDE et la DDEAUTO de la {\\b Creuse}, un objet et un lien}", RTF),
    (a_doc(text=b"Les macros et la VBA, la DDE"), DOC),
    (a_doc(text="Macros".encode("utf-16-le") + b"\0\0"), DOC),
    (a_docx(), DOCX),
    (a_docx(relationships=a_relationship("hyperlink", "https://example.org", is_outside=True)), DOCX),
    (a_docx(body=a_field(" PAGE \\* MERGEFORMAT ") + "<w:p><w:r><w:t>DDE LINK</w:t></w:r></w:p>"), DOCX),
    (a_docx(parts={"word/media/image1.png": b"\x89PNG", "word/media/image2.svg": SVG % b"<path/>"}), DOCX),
]
ACTIVE: list[tuple[str, bytes, ContentFormat]] = [
    ("script", a_pdf(SCRIPT_ACTION), PDF),
    ("script", a_pdf(SCRIPT_ACTION.replace(b"/JavaScript", b"/JavaScri#70t")), PDF),
    ("script", a_pdf(SCRIPT_ACTION.replace(b"/JavaScript", b"/#4aav#61Script")), PDF),
    ("script", a_pdf(b"<< /Names << /JavaScript 9 0 R >> >>"), PDF),
    ("script", a_pdf(an_object_stream(SCRIPT_ACTION)), PDF),
    ("script", a_pdf(an_object_stream(b"% " + bytes(3_000_000) + b"\n" + SCRIPT_ACTION)), PDF),
    ("script", a_pdf(an_object_stream(SCRIPT_ACTION).replace(b"/Type /ObjStm", b"")), PDF),
    ("script", a_pdf(an_object_stream(SCRIPT_ACTION).replace(b"/First", b"/#46irst")), PDF),
    ("script", a_pdf(an_object_stream(SCRIPT_ACTION, entries=b"/X (obj \\) endobj << /N)")), PDF),
    ("script", a_pdf(an_object_stream(SCRIPT_ACTION, entries=b"/X (%s)" % (b"a" * 100_000))), PDF),
    ("script", a_pdf(an_object_stream(SCRIPT_ACTION, entries=b"% >> stream\n")), PDF),
    ("script", a_pdf(an_object_stream(SCRIPT_ACTION).replace(b"stream\nx", b"stream \r\n \nx")), PDF),
    ("script", a_pdf(an_object_stream(SCRIPT_ACTION).replace(b"/FlateDecode", b"/Fl")), PDF),
    ("program", a_pdf(b"<< /S /Launch /F (a.exe) >>"), PDF),
    ("file inside", a_pdf(b"<< /Type /EmbeddedFile >>\nstream\nMZ\nendstream"), PDF),
    ("file inside", a_pdf(b"<< /Names << /EmbeddedFiles 9 0 R >> >>"), PDF),
    ("form", a_pdf(b"<< /AcroForm << /XFA 9 0 R >> >>"), PDF),
    ("form", a_pdf(b"<< /S /SubmitForm /F (https://example.org) >>"), PDF),
    ("video", a_pdf(b"<< /Subtype /RichMedia >>"), PDF),
    ("program", b"{\\rtf1{\\field{\\*\\fldinst DDEAUTO c:\\\\a.exe b}}}", RTF),
    ("program", b"{\\rtf1{\\field{\\*\\fldinst {\\b D}{\\i DE}AU{\\cf1 TO} c:\\\\a.exe}}}", RTF),
    ("elsewhere", b'{\\rtf1{\\field{\\*\\fldinst INCLUDEPICTURE "https://example.org/a.png"}}}', RTF),
    ("elsewhere", b"{\\rtf1{\\*\\template https://example.org/a.dotm}}", RTF),
    ("file inside", b"{\\rtf1{\\object\\objemb{\\*\\objdata 0105}}}", RTF),
    ("file inside", b"{\\rtf1{\\OBJECT\\objocx}}", RTF),
    ("macros", a_doc("Macros"), DOC),
    ("macros", a_doc("_VBA_PROJECT_CUR"), DOC),
    ("file inside", a_doc(with_children=["ObjectPool"]), DOC),
    ("file inside", a_doc("\x01Ole10Native"), DOC),
    ("program", a_doc(text=b"\x13 DDEAUTO c:\\a.exe \x14\x15"), DOC),
    ("program", a_doc(text=b"\x13 " + "DDE a".encode("utf-16-le") + b"\x15"), DOC),
    ("macros", a_docx(types='<Default Extension="x" ContentType="application/vnd.ms-office.vbaProject"/>'), DOCX),
    ("macros", a_docx(types='<Override PartName="/a" ContentType="application/x.macroEnabled.main+xml"/>'), DOCX),
    ("macros", a_docx(relationships=a_relationship("oleObject", "media/image1.png")), DOCX),
    ("macros", a_docx(relationships=a_relationship("control", "a.xml")), DOCX),
    ("file inside", a_docx(parts={"word/embeddings/oleObject1.bin": b"x"}), DOCX),
    ("file inside", a_docx(parts={"word/embeddings/sheet.xml": b"<a/>"}), DOCX),
    ("cannot be looked into", a_docx(parts={"word/a.html": b"<html/>"}), DOCX),
    ("cannot be looked into", a_docx(parts={"word/a.exe": b"MZ"}), DOCX),
    (
        "elsewhere",
        a_docx(relationships=a_relationship("attachedTemplate", "https://example.org", is_outside=True)),
        DOCX,
    ),
    ("elsewhere", a_docx(relationships=a_relationship("image", "https://example.org/a.png", is_outside=True)), DOCX),
    ("elsewhere", a_docx(body='<w:altChunk xmlns:r="x" r:id="r1"/>'), DOCX),
    ("elsewhere", a_docx(body=a_field(" INCLUDETEXT https://example.org/a ")), DOCX),
    ("program", a_docx(body=a_field(" DDEAUTO c:\\\\a.exe ")), DOCX),
    ("program", a_docx(body='<w:p><w:fldSimple w:instr=" dde a b "/></w:p>'), DOCX),
    (
        "program",
        a_docx(parts={"word/header1.xml": b"<w:hdr xmlns:w='x'><w:instrText>DDE a</w:instrText></w:hdr>"}),
        DOCX,
    ),
    ("script", a_docx(parts={"word/media/a.svg": SVG % b"<script>alert(1)</script>"}), DOCX),
    ("script", a_docx(parts={"word/media/a.svg": SVG % b'<path onload="alert(1)"/>'}), DOCX),
    ("script", a_docx(parts={"word/media/a.svg": SVG % b'<a href=" JavaScript:alert(1)"/>'}), DOCX),
]
UNREADABLE: list[tuple[bytes, ContentFormat]] = [
    (a_pdf(trailer=b"/Encrypt 9 0 R"), PDF),
    (a_pdf(trailer=b"/#45ncrypt 9 0 R"), PDF),
    (a_pdf(an_object_stream(SCRIPT_ACTION, filters=b"[/ASCII85Decode /FlateDecode]")), PDF),
    (a_pdf(an_object_stream(SCRIPT_ACTION, filters=b"/LZWDecode")), PDF),
    (a_pdf(an_object_stream(SCRIPT_ACTION, filters=b"9 0 R")), PDF),
    (a_pdf(an_object_stream(SCRIPT_ACTION, entries=b"/DecodeParms << /Predictor 12 >>")), PDF),
    (a_pdf(an_object_stream(SCRIPT_ACTION, entries=b"/#44ecodeParms 9 0 R")), PDF),
    (a_docx() + b"<html>", DOCX),
    (a_docx(parts={"word/b.xml": b"<!DOCTYPE a [<!ENTITY b 'c'>]><a/>"}), DOCX),
    (a_docx(parts={"word/b.xml": b"<a>"}), DOCX),
]


@pytest.mark.parametrize(("content", "format_"), HARMLESS)
def test_what_only_shows_is_taken(content: bytes, format_: ContentFormat) -> None:
    assert recognised(content) is format_
    assert active_content_fault(content, format_) is None


@pytest.mark.parametrize(("words", "content", "format_"), ACTIVE)
def test_what_would_act_is_refused_and_named_in_both_languages(
    words: str, content: bytes, format_: ContentFormat
) -> None:
    assert recognised(content) in (format_, MACROS)
    fault = active_content_fault(content, format_)
    assert isinstance(fault, ActiveContentError)
    assert (fault.code, words in str(fault)) == ("active-content", True), str(fault)
    assert fault.in_french() != str(fault)
    assert str(fault.in_french()).startswith("Le document contient ")


@pytest.mark.parametrize(("content", "format_"), UNREADABLE)
def test_what_cannot_be_looked_into_is_refused(content: bytes, format_: ContentFormat) -> None:
    assert recognised(content) is format_
    fault = active_content_fault(content, format_)
    assert isinstance(fault, UnreadableContentError), fault
    assert fault.in_french()


def test_a_word_document_with_macros_is_known_by_their_file_too() -> None:
    assert recognised(a_docx(parts={"word/vbaProject.bin": b"x"})) is MACROS
    assert MACROS not in OWN


def test_images_and_texts_have_nothing_to_look_for() -> None:
    assert active_content_fault(b"\xff\xd8\xff /JavaScript ", JPEG) is None
    assert active_content_fault(b"/JavaScript ", TEXT) is None


def test_a_stream_that_unpacks_to_more_than_is_looked_at_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "MOST_INFLATED", 100_000)
    assert active_content_fault(a_pdf(an_object_stream(bytes(90_000))), PDF) is None
    assert isinstance(active_content_fault(a_pdf(an_object_stream(bytes(200_000))), PDF), UnreadableContentError)


@pytest.mark.parametrize(
    "hostile",
    [
        a_pdf(b"obj<<" * 400_000),
        a_pdf(b"obj<< /N /First (" * 100_000),
        a_pdf(b"obj<</A" + b"(" * 2_000_000),
        a_pdf(b"obj<<" + b"<00" * 700_000),
        a_pdf(b"obj %" * 400_000),
        a_pdf(*[an_object_stream(bytes(3_000_000)) for _ in range(40)]),
        b"{\\rtf1" + b"{\\fldinst" * 200_000,
        b"{\\rtf1" + b"\\" * 2_000_000,
        a_doc(text="Macros\0".encode("utf-16-le") * 100_000),
    ],
    ids=["objects", "strings", "parentheses", "hexadecimal", "comments", "bombs", "fields", "backslashes", "names"],
)
def test_a_file_made_to_cost_is_looked_through_in_bounded_time(hostile: bytes) -> None:
    began = time.process_time()
    active_content_fault(hostile, recognised(hostile))
    assert time.process_time() - began < 10


def test_mutated_files_are_refused_or_taken_and_never_a_fault_of_ours() -> None:
    chance = random.Random(20)
    originals = [(content, format_) for content, format_ in HARMLESS]
    originals += [(content, format_) for _, content, format_ in ACTIVE if len(content) < 10_000]
    tried = 0
    for number in range(2000):
        content, format_ = originals[number % len(originals)]
        mutated = bytearray(content)
        for _ in range(chance.randint(1, 6)):
            place = chance.randrange(len(mutated))
            match chance.randrange(3):
                case 0:
                    mutated[place] = chance.randrange(256)
                case 1:
                    del mutated[place : place + chance.randint(1, 40)]
                case _:
                    mutated[place:place] = mutated[chance.randrange(len(mutated)) :][: chance.randint(1, 60)]
            if not mutated:
                break
        fault = active_content_fault(bytes(mutated), format_)
        tried += fault is None or bool(fault.in_french())
    assert tried == 2000


def test_an_object_stream_of_the_helper_is_one() -> None:
    stream = an_object_stream(SCRIPT_ACTION)
    data = stream.partition(b"stream\n")[2].removesuffix(b"\nendstream")
    assert zlib.decompress(data) == b"20 0 " + SCRIPT_ACTION
