"""The extensions of the names under which documents are saved."""

from typing import Final

from shared.fhir.contents import media_type

_EXTENSIONS: Final = {
    "application/pdf": "pdf",
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/tiff": "tif",
    "application/rtf": "rtf",
    "text/rtf": "rtf",
    "text/xml": "xml",
    "application/xml": "xml",
    "text/plain": "txt",
    "application/fhir+json": "json",
    "application/dicom": "dcm",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
}
_UNKNOWN: Final = "bin"


def file_extension(content_type: str) -> str:
    """Returns the extension of a file with this Content-Type, without a dot; that of unknown bytes for other types."""
    return _EXTENSIONS.get(media_type(content_type), _UNKNOWN)
