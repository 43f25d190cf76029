"""Reads the times of a DocumentEntry. Of a CDA, what the entry does not state follows from its header."""

from dataclasses import dataclass
from datetime import datetime

from services.records.deposits.domain.xdm_reports import EntryReport
from shared.cda.header import CdaHeader
from shared.fhir.cda_deposit import begin_of
from shared.fhir.dates import end_of
from shared.moments import PartialDates
from shared.xdm.hl7 import XdsTime, read_time
from shared.xdm.metadata import DocumentEntry


@dataclass(frozen=True, slots=True)
class DocumentTimes:
    """When a document was made, and when the act that it is about began and ended."""

    creation: XdsTime
    start: XdsTime
    end: XdsTime | None

    @property
    def partial_dates(self) -> PartialDates:
        """The dates that name only a day, month or year."""
        return PartialDates(self.creation.partial, self.start.partial, self.end.partial if self.end else None)


def times_of(entry: DocumentEntry, header: CdaHeader | None, report: EntryReport) -> DocumentTimes | None:
    """Returns the times; None, with issues, where a mandatory one is missing or one cannot be read."""
    creation, start, end = (
        _time(name, entry, header, report) for name in ("creationTime", "serviceStartTime", "serviceStopTime")
    )
    if creation is None or start is None:
        return None
    if end is not None and not _is_period(start, end):
        report.add("element-invalid", "serviceStopTime is before serviceStartTime.")
    return DocumentTimes(creation, start, end)


def _time(name: str, entry: DocumentEntry, header: CdaHeader | None, report: EntryReport) -> XdsTime | None:
    """Returns a time that the entry states, or else the header; the end of the act alone may be absent."""
    stated = entry.slot(name)
    if stated is not None:
        time = read_time(stated)
        if time is None:
            report.add("element-invalid", f"{name} must be a time such as 20260131083000, in UTC.")
        return time
    time = _header_time(header, name) if header is not None else None
    if time is None and name != "serviceStopTime":
        report.missing(name)
    return time


def _header_time(header: CdaHeader, name: str) -> XdsTime | None:
    """Returns the time of the header; an act without a beginning begins with the document, or ends before it."""
    dates = header.partial_dates
    if name == "creationTime":
        return XdsTime(header.effective_time, dates.creation)
    if name == "serviceStopTime":
        return XdsTime(header.service_stop, dates.period_end) if header.service_stop is not None else None
    return XdsTime(*begin_of(header))


def _is_period(start: XdsTime, end: XdsTime) -> bool:
    """Returns whether an act does not end before it begins; a partial end includes its whole day, month or year."""
    if end.moment >= start.moment:
        return True
    after = end_of(end.partial)
    return isinstance(after, datetime) and start.moment < after
