"""Recognises contents by their bytes, and checks that they are what their media type says.

A table of signatures, because libraries guess among hundreds of formats and read names of files; here a dozen formats
are taken, and a few more are named when they are refused. The time is linear: for 1 MB of text 4 ms, of JSON what
parsing takes, of anything else less. Sources of the signatures: ISO 32000-2 section 7.5.2 (PDF), ISO/IEC 10918-1
annex B (JPEG), PNG section 5.2, TIFF 6.0 section 2, RTF 1.9.1, DICOM PS3.10 section 7.1, MS-CFB section 2.2 (DOC),
ISO/IEC 29500-2 (DOCX), APPNOTE section 4.3 (ZIP); for what is refused, the files of `file` (magic).
"""

import re
from dataclasses import dataclass
from typing import Final

import orjson

from shared.errors import InvalidError
from shared.fhir.contents import is_html, is_xml, media_type
from shared.terminology import documents


@dataclass(frozen=True, slots=True)
class ContentFormat:
    """A format of contents. `media_types`: under which it is deposited; none for a format that is refused."""

    name: str
    french: str
    media_types: tuple[str, ...] = ()


PDF: Final = ContentFormat("a PDF", "un PDF", ("application/pdf",))
JPEG: Final = ContentFormat("a JPEG image", "une image JPEG", ("image/jpeg",))
PNG: Final = ContentFormat("a PNG image", "une image PNG", ("image/png",))
TIFF: Final = ContentFormat("a TIFF image", "une image TIFF", ("image/tiff",))
RTF: Final = ContentFormat("an RTF text", "un texte RTF", ("application/rtf", "text/rtf"))
XML: Final = ContentFormat("XML", "du XML", ("text/xml", "application/xml"))
TEXT: Final = ContentFormat("plain text", "du texte brut", ("text/plain",))
FHIR_JSON: Final = ContentFormat("FHIR in JSON", "du FHIR en JSON", ("application/fhir+json",))
DICOM: Final = ContentFormat("DICOM", "du DICOM", ("application/dicom",))
DOC: Final = ContentFormat("a Word document (DOC)", "un document Word (DOC)", ("application/msword",))
DOCX: Final = ContentFormat(
    "a Word document (DOCX)",
    "un document Word (DOCX)",
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document",),
)
HTML: Final = ContentFormat("an HTML page", "une page HTML")
PROGRAM: Final = ContentFormat("an executable program", "un programme exécutable")
ARCHIVE: Final = ContentFormat("an archive", "une archive")
OTHER_IMAGE: Final = ContentFormat("an image of another format", "une image d’un autre format")
MACROS: Final = ContentFormat("a Word document with macros", "un document Word avec des macros")
OLE: Final = ContentFormat("an OLE file other than a Word document", "un fichier OLE autre qu’un document Word")
UNKNOWN: Final = ContentFormat(
    "neither UTF-8 text without control characters nor a format that is known here",
    "ni du texte UTF-8 sans caractère de contrôle, ni d’un format connu ici",
)

IN_SUBMISSIONS: Final = (XML, PDF, JPEG, PNG, TIFF, RTF, TEXT, FHIR_JSON, DICOM)
"""What professionals and organisations deposit (ITI-65)."""
OWN: Final = (PDF, JPEG, PNG, TIFF, DOC, DOCX, RTF, TEXT)
"""What the patient side deposits: the formats of Mon espace santé."""

_ZIP: Final = re.compile(rb"PK(?:\x03\x04|\x05\x06|\x07\x08)")
_OLE: Final = re.compile(rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
_SIGNATURES: Final = tuple(
    (re.compile(signature, re.DOTALL), format_)
    for signature, format_ in (
        (rb"%PDF-[12]\.\d", PDF),
        (rb"\xff\xd8\xff", JPEG),
        (rb"\x89PNG\r\n\x1a\n", PNG),
        (rb"II[*+]\x00|MM\x00[*+]", TIFF),
        (rb"\{\\rtf", RTF),
        (rb".{128}DICM", DICOM),
        (rb"GIF8[79]a|RIFF.{4}WEBP|.{4}ftyp(?:avif|hei[cx]|mif1)", OTHER_IMAGE),
        (rb"\x7fELF|\xca\xfe\xba\xbe|\xfe\xed\xfa[\xce\xcf]|[\xce\xcf]\xfa\xed\xfe|\x00asm|#![ \t]*/", PROGRAM),
        (
            rb"\x1f\x8b\x08|BZh[1-9]1AY&SY|\xfd7zXZ\x00|7z\xbc\xaf\x27\x1c|Rar!\x1a\x07|\x28\xb5\x2f\xfd|MSCF\x00",
            ARCHIVE,
        ),
        (rb".{257}ustar[\x00 ]", ARCHIVE),
    )
)
_BINARY_SIGNATURES: Final = ((b"MZ", PROGRAM), (b"BM", OTHER_IMAGE))
"""Signatures that a text may begin with as well."""
_XML: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:\?xml\s|!--|!DOCTYPE\s|[A-Za-z_][\w.:-]*[\s/>])")
_CONTROLS: Final = bytes([*range(9), 11, 12, *range(14, 32), 127])
_C1_CONTROL: Final = re.compile(rb"\xc2[\x80-\x9f]")
_WORD_STREAM: Final = "WordDocument".encode("utf-16-le")
_IMAGING_REFERENCES: Final = "IMG-KOS"
"""The one type of document whose content is DICOM: references to the objects of an imaging study (IHE XDS-I)."""


class MediaTypeRefusedError(InvalidError):
    """Contents of this media type are not taken. Send XML (a CDA), PDF, JPEG, PNG, TIFF, RTF, plain text, FHIR in JSON,
    or DICOM for IMG-KOS."""

    code = "media-type-refused"
    french = (
        "Ce format n’est pas accepté. Envoyez du XML (un CDA), un PDF, JPEG, PNG, TIFF, RTF, du texte brut, du FHIR en "
        "JSON, ou du DICOM pour IMG-KOS."
    )


class MediaTypeDiffersError(InvalidError):
    """The content does not have its stated media type. Send each content with its own."""

    code = "media-type-differs"
    french = "Le contenu n’est pas du format annoncé. Envoyez chaque contenu avec le sien."

    @classmethod
    def of(cls, actual: ContentFormat) -> "MediaTypeDiffersError":
        """Returns the error that names what was found."""
        if actual.media_types:
            error = cls(f"The content is {actual.name}: its media type is {actual.media_types[0]}.")
            error.french = f"Le contenu est {actual.french} : son format est {actual.media_types[0]}."
        else:
            error = cls(f"The content is {actual.name}, and not of the stated media type.")
            error.french = f"Le contenu est {actual.french}, et non du format annoncé."
        return error


class MediaTypeNotForTypeError(InvalidError):
    """DICOM is taken for documents of type IMG-KOS alone."""

    code = "media-type-not-for-type"
    french = "Le DICOM n’est accepté que pour les documents de type IMG-KOS."


def content_fault(
    content: bytes, content_type: str, document_type: documents.DocumentType, taken: tuple[ContentFormat, ...]
) -> InvalidError | None:
    """Returns why a content cannot be deposited under its media type; None where it can.

    XML is recognised as anything else only; whether it is well-formed is checked where it is read.
    """
    stated = media_type(content_type)
    if not any(stated in format_.media_types for format_ in taken):
        return MediaTypeRefusedError()
    if stated in DICOM.media_types and document_type.code != _IMAGING_REFERENCES:
        return MediaTypeNotForTypeError()
    actual = recognised(content)
    if stated in actual.media_types or (is_xml(content_type) and actual in (TEXT, UNKNOWN)):
        return None
    return MediaTypeDiffersError.of(actual)


def recognised(content: bytes) -> ContentFormat:
    """Returns the format of a content, by its bytes alone."""
    for signature, format_ in _SIGNATURES:
        if signature.match(content) is not None:
            return format_
    if _ZIP.match(content) is not None:
        return _zipped(content)
    if _OLE.match(content) is not None:
        return DOC if _WORD_STREAM in content else OLE
    if is_html(content):
        return HTML
    if _XML.match(content) is not None and content[-64:].rstrip().endswith(b">"):
        return XML
    if _is_text(content):
        return FHIR_JSON if _is_fhir_json(content) else TEXT
    return next((format_ for start, format_ in _BINARY_SIGNATURES if content.startswith(start)), UNKNOWN)


def _zipped(content: bytes) -> ContentFormat:
    """Recognises DOCX by the names in the directory of the archive, which are not compressed."""
    if b"[Content_Types].xml" not in content or b"word/document.xml" not in content:
        return ARCHIVE
    return MACROS if b"vbaProject.bin" in content else DOCX


def _is_text(content: bytes) -> bool:
    if not content or len(content.translate(None, _CONTROLS)) < len(content):
        return False
    if content.isascii():
        return True
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return _C1_CONTROL.search(content) is None


def _is_fhir_json(content: bytes) -> bool:
    if not content[:64].removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"):
        return False
    try:
        resource = orjson.loads(content)
    except orjson.JSONDecodeError:
        return False
    return isinstance(resource.get("resourceType"), str)
