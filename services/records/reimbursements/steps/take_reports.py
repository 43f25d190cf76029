"""Takes lines of the continuous feed in batches, through the same steps as those of a file."""

import hashlib
from collections.abc import Sequence
from datetime import date, datetime, time

from services.records.reimbursements.domain.feed import open_report
from services.records.reimbursements.domain.lines import ReimbursementLine
from services.records.reimbursements.domain.parsing import parse_line
from services.records.reimbursements.steps.arrivals import FillContext, LineSource
from services.records.reimbursements.steps.store_lines import store_lines
from shared.contracts.insurance import ReimbursementReported
from shared.db.pool import Connection
from shared.errors import ClientError, PermanentError
from shared.messaging.envelope import Message
from shared.runtime import clock
from shared.runtime.metrics import REIMBURSEMENT_LINES


class LineInvalidError(PermanentError):
    """The line says something that no line may say."""

    code = "line-invalid"


async def take_reports(
    context: FillContext, connection: Connection, messages: Sequence[Message[ReimbursementReported]]
) -> None:
    """Stores the lines; a person without a record is counted, and leaves neither a line nor a dead letter.

    Raises LineInvalidError, ReportInvalidError, SealBrokenError, KeyUnknownError, LineOvertakenError.
    """
    today = clock.now().date()
    lines = [_line(context, message.event, today) for message in messages]
    counts = await store_lines(connection, context, lines, _day_of(messages[-1]))
    for effect, count in counts.items():
        REIMBURSEMENT_LINES.labels(effect).inc(count)


def _line(context: FillContext, event: ReimbursementReported, today: date) -> ReimbursementLine:
    fields = open_report(context.feed, event)
    try:
        return parse_line(fields, today)
    except ClientError as error:
        raise LineInvalidError(error.code) from error


def _day_of(message: Message[ReimbursementReported]) -> LineSource:
    """Returns the day of the feed as a source: the ledger gets one entry a day for a record."""
    day = message.time.date()
    began_at = datetime.combine(day, time(), message.time.tzinfo)
    digest = hashlib.sha256(b"reimbursement-feed:" + day.isoformat().encode()).digest()
    id = clock.uuid8(int(began_at.timestamp() * 1000), digest[: clock.RANDOM_BYTES])
    return LineSource(id, began_at, message.trace)
