"""One line of the continuous feed: its columns, encrypted for records, under the key of its sheet."""

from collections.abc import Mapping
from uuid import UUID

import orjson

from services.records.reimbursements.domain.parsing import NEEDED_COLUMNS, OTHER_COLUMNS
from shared.contracts.base import sealed_place
from shared.contracts.insurance import ReimbursementReported
from shared.crypto.keyring import Keyring
from shared.errors import PermanentError
from shared.human_text import clean_line

_KIND = "reimbursement"
_COLUMNS = frozenset((*NEEDED_COLUMNS, *OTHER_COLUMNS))


class ReportInvalidError(PermanentError):
    """The encrypted body is no object of column and text, or its key is not that of its sheet."""

    code = "report-invalid"


def seal_report(feed: Keyring, report_id: UUID, fields: Mapping[str, str]) -> ReimbursementReported:
    """Returns the event of a line, as the insurance sends it."""
    sealed = feed.encrypt_jwe(orjson.dumps(dict(fields)), sealed_place(_KIND, report_id))
    sheet_key = feed.fingerprint(*_sheet_parts(fields))
    return ReimbursementReported(report_id=report_id, sheet_key=sheet_key, sealed=sealed)


def open_report(feed: Keyring, event: ReimbursementReported) -> dict[str, str]:
    """Returns the cleaned text of each column, "" where it is missing.

    Raises ReportInvalidError, SealBrokenError, KeyUnknownError (which passes once the key is here).
    """
    try:
        content = orjson.loads(feed.decrypt_jwe(event.sealed, sealed_place(_KIND, event.report_id)))
    except orjson.JSONDecodeError as error:
        raise ReportInvalidError from error
    if not isinstance(content, dict) or not all(isinstance(text, str) for text in content.values()):
        raise ReportInvalidError
    if not feed.matches(event.sheet_key, *_sheet_parts(content)):
        raise ReportInvalidError
    return {column: clean_line(content.get(column, "")) for column in _COLUMNS}


def _sheet_parts(fields: Mapping[str, str]) -> tuple[str, str, str]:
    return "sheet", fields.get("payer", ""), fields.get("sheet", "")
