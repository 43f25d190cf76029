"""Consultations, and their windows of 24 hours. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Generic, NamedTuple, TypeVar
from uuid import UUID

from services.notify.alerts.domain.emergencies import is_emergency, may_be_professional
from shared.contracts.audit import AccessRecorded

Item = TypeVar("Item")
CONSULTATION_WINDOW_LENGTH = timedelta(hours=24)


class ConsultationWindow(NamedTuple):
    """A professional's consultations of a record raise one alert within 24 hours of the first.

    Consultations that are withheld from the person have windows of their own.
    """

    record_id: UUID
    professional_id: str
    is_withheld: bool


class Consultation(NamedTuple, Generic[Item]):
    """A consultation, the window it belongs to, and an item that stands for it."""

    window: ConsultationWindow
    at: datetime
    item: Item


def first_per_window(
    consultations: Iterable[Consultation[Item]], opened_at: Mapping[ConsultationWindow, datetime]
) -> list[Consultation[Item]]:
    """Returns the consultations that open a window of 24 hours, oldest first.

    `opened_at`: when the last window of each professional and record opened.
    """
    last_opened_at = dict(opened_at)
    first = []
    for consultation in sorted(consultations, key=lambda consultation: consultation.at):
        window, at, _ = consultation
        if window not in last_opened_at or at >= last_opened_at[window] + CONSULTATION_WINDOW_LENGTH:
            last_opened_at[window] = at
            first.append(consultation)
    return first


def is_consultation(event: AccessRecorded) -> bool:
    """Whether a professional has read a document outside an emergency, which has alerts of its own.

    A kind of actor or an outcome that this release does not know counts as a professional's reading.
    """
    read = event.action == "read-document" and event.outcome != "refused" and may_be_professional(event.actor)
    return read and not is_emergency(event)
