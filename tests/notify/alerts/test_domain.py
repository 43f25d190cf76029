"""Who is told what, once, and for how long it is tried."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.notify.alerts.domain.alerts import (
    Alert,
    Audience,
    DueAlert,
    Send,
    Unwanted,
    Withheld,
    audience_of,
    decide,
    group_alerts,
)
from services.notify.alerts.domain.consultations import Consultation, ConsultationWindow, first_per_window
from services.notify.alerts.domain.ids import alert_id, emergency_session_id
from services.notify.contacts.domain import Contact
from services.notify.kit.kinds import ALERT_CHANNELS, AlertKind
from services.notify.preferences.domain import Preferences
from shared.delivery_retries import RETRY_PERIOD, retry_delay
from shared.runtime import clock
from shared.runtime.clock import made_at

HOLDER = Contact("someone@mail.example", "fr", "holder")
PARENT = Contact("parent@mail.example", "fr", "representative")
NOWHERE = Contact(None, "en", "holder")
ALL, NONE = Preferences(), Preferences(document=False, consultation=False)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ((), Audience.EVERYBODY),
        (("N",), Audience.EVERYBODY),
        (("N", "MASQUE_PS"), Audience.EVERYBODY),
        (("N", "INVISIBLE_REPRESENTANTS_LEGAUX"), Audience.HOLDER),
        (("N", "INVISIBLE_PATIENT"), Audience.NOBODY),
        (("N", "INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"), Audience.NOBODY),
    ],
)
def test_labels_say_who_may_know_of_a_document(labels: tuple[str, ...], expected: Audience) -> None:
    assert audience_of(labels) is expected


def test_the_whole_table_of_who_is_told() -> None:
    everybody, holder, nobody = Audience.EVERYBODY, Audience.HOLDER, Audience.NOBODY
    to_patient, to_parents = Withheld("invisible-to-patient"), Withheld("invisible-to-representatives")
    off, nowhere = Unwanted("switched-off"), Unwanted("no-address")
    expected = {
        (everybody, HOLDER, ALL): Send(HOLDER),
        (everybody, HOLDER, NONE): off,
        (everybody, PARENT, ALL): Send(PARENT),
        (everybody, PARENT, NONE): off,
        (everybody, NOWHERE, ALL): nowhere,
        (everybody, NOWHERE, NONE): off,
        (holder, HOLDER, ALL): Send(HOLDER),
        (holder, HOLDER, NONE): off,
        (holder, PARENT, ALL): to_parents,
        (holder, PARENT, NONE): to_parents,
        (holder, NOWHERE, ALL): nowhere,
        (holder, NOWHERE, NONE): off,
        **{
            (nobody, contact, preferences): to_patient
            for contact in (HOLDER, PARENT, NOWHERE)
            for preferences in (ALL, NONE)
        },
    }
    cases = list(product(Audience, (HOLDER, PARENT, NOWHERE), (ALL, NONE)))
    assert len(expected) == len(cases)
    for kind in ("document", "consultation"):
        assert {case: decide(kind, *case) for case in cases} == expected


@pytest.mark.parametrize(
    ("mail", "mobile", "expected"),
    [
        ("someone@mail.example", "+33699990001", ["mail"]),
        ("someone@mail.example", None, ["mail"]),
        (None, "+33699990001", ["sms"]),
        (None, None, []),
    ],
)
def test_the_end_of_an_emergency_is_told_once_by_mail_or_else_by_sms(
    mail: str | None, mobile: str | None, expected: list[str]
) -> None:
    reached = Contact(mail, "fr", "holder", mobile)
    sent = [
        channel
        for channel in ALERT_CHANNELS
        if decide("emergency-follow-up", Audience.EVERYBODY, reached, NONE, channel) == Send(reached)
    ]
    assert sent == expected


@pytest.mark.parametrize("kind", ["emergency", "emergency-follow-up"])
def test_an_emergency_is_told_whatever_the_person_prefers(kind: Any) -> None:
    reached = Contact("someone@mail.example", "fr", "holder", "+33699990001")
    assert decide(kind, Audience.EVERYBODY, reached, NONE) == Send(reached)
    by_sms = Contact(None, "fr", "holder", "+33699990001")
    assert decide(kind, Audience.EVERYBODY, by_sms, NONE, "sms") == Send(by_sms)
    assert decide(kind, Audience.EVERYBODY, NOWHERE, ALL) == Unwanted("no-address")
    assert decide(kind, Audience.EVERYBODY, HOLDER, ALL, "sms") == Unwanted("no-mobile")


def test_a_session_that_nobody_named_is_an_hour_of_a_professional_in_a_record() -> None:
    record_id, doctor = uuid4(), "899700000001"
    session_id = emergency_session_id(record_id, doctor, NOON)
    assert session_id == emergency_session_id(record_id, doctor, NOON + timedelta(minutes=59))
    others = {
        emergency_session_id(record_id, doctor, NOON + timedelta(hours=1)),
        emergency_session_id(record_id, "899700000002", NOON),
        emergency_session_id(uuid4(), doctor, NOON),
    }
    assert len(others | {session_id}) == 4
    assert made_at(session_id) == NOON


def test_each_channel_of_a_cause_has_an_alert_of_its_own() -> None:
    record_id, cause = uuid4(), clock.new_id()
    assert alert_id(record_id, "emergency", cause) != alert_id(record_id, "emergency", cause, "sms")
    assert alert_id(record_id, "emergency", cause) == alert_id(record_id, "emergency", cause, "mail")


def test_each_kind_has_its_own_switch() -> None:
    only_documents = Preferences(document=True, consultation=False)
    assert decide("document", Audience.EVERYBODY, HOLDER, only_documents) == Send(HOLDER)
    assert decide("consultation", Audience.EVERYBODY, HOLDER, only_documents) == Unwanted("switched-off")


def test_the_alert_of_a_cause_has_one_id_which_carries_its_time_and_the_bucket_of_its_record() -> None:
    record_id, cause = uuid4(), clock.new_id()
    id = alert_id(record_id, "document", cause)
    assert id == alert_id(record_id, "document", cause)
    assert (id.version, id.variant) == (8, "specified in RFC 4122")
    assert clock.bucket_in(id) == clock.bucket_of(record_id)
    assert made_at(id) == made_at(cause)
    others = {alert_id(record_id, "consultation", cause), alert_id(record_id, "document", clock.new_id())}
    assert id not in others
    assert len(others) == 2


def test_an_id_that_is_not_ours_has_no_time() -> None:
    assert made_at(uuid4()) is None
    made = made_at(clock.new_id())
    assert made is not None
    assert abs(made - clock.now()) < timedelta(seconds=5)


def test_a_professional_opens_one_window_a_day_on_a_record() -> None:
    record_id, doctor, nurse = UUID(int=1), "899700000001", "899700000002"
    at = [NOON + timedelta(hours=hours) for hours in (0, 1, 23.9, 24, 47, 48.1)]
    by_doctor, by_nurse, in_other_record = (
        ConsultationWindow(record_id, doctor, is_withheld=False),
        ConsultationWindow(record_id, nurse, is_withheld=False),
        ConsultationWindow(UUID(int=2), doctor, is_withheld=False),
    )
    seen = [Consultation(by_doctor, moment, number) for number, moment in enumerate(at)]
    seen += [Consultation(by_nurse, NOON, 10), Consultation(in_other_record, NOON, 11)]
    assert sorted(item for _, _, item in first_per_window(seen, {})) == [0, 3, 5, 10, 11]


def test_a_consultation_that_comes_again_opens_nothing() -> None:
    window = ConsultationWindow(UUID(int=1), "899700000001", is_withheld=False)
    assert first_per_window([Consultation(window, NOON, 1)], {window: NOON}) == []
    assert first_per_window([Consultation(window, NOON - timedelta(hours=30), 1)], {window: NOON}) == []


def test_the_waits_grow_and_end_with_the_time_a_message_is_tried() -> None:
    waits = [retry_delay(attempts) for attempts in range(1, 30)]
    assert waits[0] == timedelta(seconds=5)
    assert waits == sorted(waits)
    assert sum(waits[:10], timedelta()) < RETRY_PERIOD <= sum(waits[:12], timedelta())


def test_an_alert_that_was_gathered_is_not_late_unless_its_first_attempt_failed() -> None:
    alert = due(uuid4(), "document", 0)
    gathered = replace(alert, planned_at=NOON + timedelta(minutes=15))
    sent_at = NOON + timedelta(minutes=15, seconds=2)
    assert gathered.delay(sent_at) == timedelta(seconds=2)
    assert alert.delay(sent_at) == replace(gathered, attempts=1).delay(sent_at) == timedelta(minutes=15, seconds=2)


def due(record_id: UUID, kind: AlertKind, minutes: int, attempts: int = 0) -> DueAlert:
    made = NOON + timedelta(minutes=minutes)
    alert = Alert(uuid4(), record_id, kind, None, None, uuid4(), made, "", Audience.EVERYBODY)
    return DueAlert(alert, attempts, made, made, None)


def test_what_is_gathered_is_of_one_record_and_kind_with_the_newest_last_and_emergencies_go_each_alone() -> None:
    record_id, other_id = uuid4(), uuid4()
    later, document, elsewhere = (
        due(record_id, "document", 5),
        due(record_id, "document", 1),
        due(other_id, "document", 2),
    )
    read = due(record_id, "consultation", 3)
    emergencies = [due(record_id, "emergency-follow-up", minutes) for minutes in (0, 4)]
    groups = group_alerts([later, read, *emergencies, elsewhere, document])
    assert sorted(groups, key=lambda group: group[0].created_at) == [
        (emergencies[0],),
        (document, later),
        (elsewhere,),
        (read,),
        (emergencies[1],),
    ]


def test_alerts_that_leave_together_are_put_off_together() -> None:
    record_id = uuid4()
    [group] = group_alerts([due(record_id, "document", minute, attempts) for minute, attempts in ((1, 3), (2, 0))])
    assert [due_alert.attempts for due_alert in group] == [3, 3]
