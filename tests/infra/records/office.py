"""Small invented files in the formats of the patient side: PDF, RTF, DOC, DOCX, with whatever a test puts in them."""

import io
import struct
import zipfile
import zlib
from collections.abc import Sequence

EMPTY_PAGE = (
    b"<< /Type /Catalog /Pages 2 0 R >>",
    b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
    b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Contents 4 0 R >>",
    b"<< /Length 35 >>\nstream\nBT /F1 12 Tf (Mes directives) Tj ET\nendstream",
)
_CONTENT_TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
_RELATIONSHIPS = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def a_pdf(*objects: bytes, trailer: bytes = b"") -> bytes:
    """Returns a PDF of one page with these further objects, each in clear with its number and a cross-reference."""
    body, places = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", []
    for number, each in enumerate((*EMPTY_PAGE, *objects), 1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(places) + 1, table)
    ends = b"trailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n" % (len(places) + 1, trailer, len(body))
    return body + head + ends


def an_object_stream(content: bytes, *, entries: bytes = b"", filters: bytes = b"/FlateDecode") -> bytes:
    """Returns an object stream (ISO 32000-2, 7.5.7) with one object, number 20, compressed with zlib."""
    data = zlib.compress(b"20 0 " + content)
    return b"<< /Type /ObjStm /N 1 /First 5 /Filter %s /Length %d %s >>\nstream\n%s\nendstream" % (
        filters,
        len(data),
        entries,
        data,
    )


def a_doc(*storages: str, with_children: Sequence[str] = (), text: bytes = b"") -> bytes:
    """Returns a compound file with the directory entries of a Word document and of these storages, and a text."""
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".ljust(512, b"\0")
    names = ("Root Entry", "WordDocument", "1Table", "\x05SummaryInformation", "ObjectPool", *storages)
    return (
        header
        + text.ljust(512 * (len(text) // 512 + 1), b"\0")
        + b"".join(_directory_entry(name, has_children=name in with_children) for name in names)
    )


def _directory_entry(name: str, *, has_children: bool) -> bytes:
    encoded = name.encode("utf-16-le") + b"\0\0"
    child = 7 if has_children else 0xFFFFFFFF
    fields = struct.pack("<HBBIII", len(encoded), 1, 1, 0xFFFFFFFF, 0xFFFFFFFF, child)
    return (encoded.ljust(64, b"\0") + fields).ljust(128, b"\0")


def a_docx(
    *, body: str = "<w:p/>", relationships: str = "", types: str = "", parts: dict[str, bytes] | None = None
) -> bytes:
    """Returns a DOCX with this body of the document, relationships of it, content types and further parts."""
    word = f'<w:document xmlns:w="{WORD}"><w:body>{body}</w:body></w:document>'
    related = f'<Relationships xmlns="{_RELATIONSHIPS}">{relationships}</Relationships>'
    files = {
        "[Content_Types].xml": f'<Types xmlns="{_CONTENT_TYPES}">{types}</Types>'.encode(),
        "_rels/.rels": f'<Relationships xmlns="{_RELATIONSHIPS}"/>'.encode(),
        "word/document.xml": word.encode(),
        "word/_rels/document.xml.rels": related.encode(),
        **(parts or {}),
    }
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return made.getvalue()


def a_relationship(kind: str, target: str, *, is_outside: bool = False) -> str:
    """Returns a relationship of a part, such as `hyperlink`."""
    mode = ' TargetMode="External"' if is_outside else ""
    return f'<Relationship Id="r1" Type="{_OFFICE}/{kind}" Target="{target}"{mode}/>'


def a_field(instruction: str) -> str:
    """Returns a field of a document, its instruction cut into two runs."""
    middle = len(instruction) // 2
    runs = "".join(
        f"<w:r><w:instrText>{part}</w:instrText></w:r>" for part in (instruction[:middle], instruction[middle:])
    )
    return f"<w:p>{runs}</w:p>"
