"""Finds what in a document would do something when it is opened: scripts, macros, programs, files inside files.

The patient side's documents are opened by doctors and relatives, so that nothing in them may run, call out or carry
another file. Libraries read a document as one program does; here is looked for what any program could find in it, and
what cannot be looked into is refused. It is no antivirus: faults of a reader that a picture or font exploits stay.
"""

from services.records.deposits.domain.active_content.errors import ActiveContentError, UnreadableContentError
from services.records.deposits.domain.active_content.pdf import pdf_fault
from services.records.deposits.domain.active_content.rtf import rtf_fault
from services.records.deposits.domain.active_content.word import doc_fault, docx_fault
from services.records.deposits.domain.media_types import DOC, DOCX, PDF, RTF, ContentFormat

__all__ = ["ActiveContentError", "UnreadableContentError", "active_content_fault"]

_FAULTS = {PDF: pdf_fault, RTF: rtf_fault, DOC: doc_fault, DOCX: docx_fault}


def active_content_fault(content: bytes, format_: ContentFormat) -> ActiveContentError | None:
    """Returns why a content of this format is not taken, None where nothing active was found in it.

    Images and plain text have no parts that could be active. The time is linear: a second for 20 MB of PDF.
    """
    fault = _FAULTS.get(format_)
    return None if fault is None else fault(content)
