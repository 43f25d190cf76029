"""Single files of an archive, and single values of its metadata, change; every other byte stays."""

import io
import zipfile

import pytest

from shared.xdm.archive import read_archive
from shared.xdm.archive_rewrite import replaced_files
from shared.xdm.ebrim import slots_of
from shared.xdm.ebrim_edits import EditableMetadata
from tests.infra.records.xdms import zip_of
from tests.shared.xdm.test_archive import Unseekable

LIMIT = 1_000_000
FILES = {"a.txt": b"first " * 50, "META.XML": b"<a/>", "é/b.bin": bytes(range(256)), "last.txt": b""}
RIM = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"
METADATA = f"""<?xml version="1.0" encoding="UTF-8"?>
<!-- a comment with <Value>hash</Value> -->
<q:SubmitObjectsRequest xmlns:q="urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0" xmlns:é="{RIM}">
 <é:RegistryObjectList><é:ExtrinsicObject   id = 'one'
   mimeType="a>b value='no'" value="old" ><é:Slot name="hash"><é:ValueList>
   <é:Value>a&amp;<![CDATA[b]]></é:Value ></é:ValueList></é:Slot><é:Name/></é:ExtrinsicObject>
 <é:Association id="é"/></é:RegistryObjectList></q:SubmitObjectsRequest>
"""


def unpacked(body: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        return {info.filename: archive.read(info) for info in archive.infolist()}


def with_descriptors() -> bytes:
    output = Unseekable()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in FILES.items():
            archive.writestr(name, content)
        archive.comment = b"comment"
    return bytes(output.written)


BODIES = {
    "stored": zip_of(FILES, compression=zipfile.ZIP_STORED),
    "deflated": zip_of(FILES),
    "with data descriptors": with_descriptors(),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
@pytest.mark.parametrize("content", [b"", b"x", b"much longer than before " * 200], ids=len)
def test_a_replaced_file_leaves_the_others_and_their_order(body: bytes, content: bytes) -> None:
    rewritten = replaced_files(read_archive(body, LIMIT), {"META.XML": content})
    assert list(unpacked(rewritten).items()) == list((FILES | {"META.XML": content}).items())
    archive = read_archive(rewritten, LIMIT)
    assert {entry.name: archive.read(entry) for entry in archive.entries.values()} == unpacked(rewritten)
    assert with_the_old_content(rewritten) == body


def with_the_old_content(rewritten: bytes) -> bytes:
    return replaced_files(read_archive(rewritten, LIMIT), {"META.XML": FILES["META.XML"]})


def test_several_files_are_replaced_at_once() -> None:
    contents = {"META.XML": b"<other/>", "a.txt": b"", "last.txt": b"no longer empty"}
    rewritten = replaced_files(read_archive(BODIES["deflated"], LIMIT), contents)
    assert unpacked(rewritten) == FILES | contents


@pytest.mark.parametrize(
    ("declared", "codec", "mark"),
    [
        ("UTF-8", "utf-8", b""),
        ("UTF-8", "utf-8", b"\xef\xbb\xbf"),
        ("utf8", "utf-8", b""),
        ("ISO-8859-1", "latin-1", b""),
        ("windows-1252", "cp1252", b""),
        ("UTF-16", "utf-16-le", b"\xff\xfe"),
        ("UTF-16", "utf-16-le", b""),
        ("UTF-16", "utf-16-be", b"\xfe\xff"),
        ("utf-16", "utf-8", b""),
    ],
)
def test_values_change_and_every_other_byte_stays(declared: str, codec: str, mark: bytes) -> None:
    text = METADATA.replace("UTF-8", declared)
    content = mark + text.encode(codec)
    metadata = EditableMetadata(content)
    document, association = metadata.objects
    assert metadata.content() == content
    assert slots_of(document) == {"hash": ("a&b",)}
    [value_list] = document.all("Slot", "ValueList")
    assert metadata.set_text(value_list.children[0], "new")
    assert metadata.set_attribute(document, "value", "L'<&>\"")
    assert not metadata.set_attribute(document, "mime", "no")
    assert metadata.add_text_element(value_list, "Value", "Z")
    assert metadata.add_empty_element(document, "ExternalIdentifier", {"value": "1"})
    assert metadata.add_empty_element(document, "ExternalIdentifier", {"value": "É€"})
    assert not metadata.add_text_element(association, "Name", "no")
    assert not metadata.set_text(document.children[1], "no")
    added = "É€" if codec.startswith("utf") else "&#201;&#8364;"
    for old, new in (
        ("a&amp;<![CDATA[b]]>", "new"),
        ('"old"', '"L&#x27;&lt;&amp;&gt;&quot;"'),
        ("</é:ValueList>", "<é:Value>Z</é:Value></é:ValueList>"),
        (
            "</é:ExtrinsicObject>",
            f'<é:ExternalIdentifier value="1"/><é:ExternalIdentifier value="{added}"/></é:ExtrinsicObject>',
        ),
    ):
        text = text.replace(old, new)
    assert metadata.content() == mark + text.encode(codec)
    [again, _] = EditableMetadata(metadata.content()).objects
    assert slots_of(again) == {"hash": ("new", "Z")}
    assert again.get("value") == "L'<&>\""
    assert [each.get("value") for each in again.all("ExternalIdentifier")] == ["1", "É€"]
