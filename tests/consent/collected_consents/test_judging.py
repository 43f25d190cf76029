"""What structures collected from a person changes the choices, but never against the person's own or later choice."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.consent.choices.domain.choices import Change, ChangeAction
from services.consent.choices.domain.states import ConsentState
from services.consent.choices.steps import copy_records
from services.consent.choices.store import states
from services.consent.choices.usecases.change_choices import ChangeForbiddenError, change_choices
from services.consent.collected_consents.domain import CollectedConsentsRules
from services.consent.collected_consents.steps import judge_consents
from services.consent.deposit_checks.steps import awaiting_version
from shared.access import RULES_VERSION, decide, decode_facts
from shared.contracts.audit import AccessRecorded
from shared.contracts.consent import ConsentStateChanged
from shared.contracts.records import CollectedConsentReported
from shared.db.pool import Pool, transaction
from shared.http.tokens import Caller
from shared.messaging.consumer import Consumer
from shared.runtime import clock
from tests.infra.consent.changes import choose
from tests.infra.consent.consent_api import ConsentApi, Record
from tests.infra.messaging.messages import fetched, message, outbox
from tests.infra.messaging.plumbing import record_changed
from tests.infra.messaging.subscriptions import subscription_of

HOSPITAL, CLINIC = "1750000001", "1750000002"
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
OBJECTIONS: tuple[ChangeAction, ...] = ("object-to-feeding", "withdraw-feeding-objection")
SEEN = {"identity.records.v1": 1}


@pytest.fixture
async def pool(api: ConsentApi) -> Pool:
    return api.pool


@pytest.fixture
async def record_id(record: Record) -> UUID:
    return record.id


def feeding(record_id: UUID, code: str, ago: timedelta = HOUR, **changed: Any) -> CollectedConsentReported:
    return report(record_id, feeding=code, feeding_at=clock.now() - ago, **changed)


def consultation(record_id: UUID, code: str, ago: timedelta = HOUR, **changed: Any) -> CollectedConsentReported:
    return report(record_id, consultation=code, consultation_at=clock.now() - ago, **changed)


def report(record_id: UUID, **values: Any) -> CollectedConsentReported:
    given = {"organisation_id": HOSPITAL, "client_id": "gam", "reported_at": clock.now(), "seen": SEEN, **values}
    return CollectedConsentReported(record_id=record_id, **given)


async def judge(pool: Pool, *events: CollectedConsentReported, **rules: Any) -> list[str]:
    """Judges reports as one batch; returns the ledger's entries that it announced, as `action outcome reason`."""
    async with transaction(pool) as connection:
        before = len(await outbox(connection))
        await judge_consents(connection, [message(event) for event in events], **rules)
        announced = (await outbox(connection))[before:]
    entries = [event for event in announced if isinstance(event, AccessRecorded)]
    return [f"{entry.action} {entry.outcome} {entry.reason}" for entry in entries]


async def state_of(pool: Pool, record_id: UUID) -> ConsentState:
    state = await states.find_state(pool, record_id)
    assert state is not None
    return state


async def attestations(pool: Pool, record_id: UUID) -> list[tuple[str, str]]:
    choices = (await state_of(pool, record_id)).choices
    return [(given.holder_id, given.given_by) for given in choices.authorisations if given.how == "care-team"]


async def test_an_objection_that_the_structure_collected_stands_for_its_own_deposits_alone(
    pool: Pool, record_id: UUID
) -> None:
    assert await judge(pool, feeding(record_id, "IO")) == ["object-to-feeding permitted collected-consent"]
    choices = (await state_of(pool, record_id)).choices
    assert choices.feeding_objections == (HOSPITAL,)
    announced = await outbox(pool)
    [state] = [event for event in announced if isinstance(event, ConsentStateChanged)]
    assert (state.version, state.feeding_objections) == (2, (HOSPITAL,))
    [entry] = [event for event in announced if isinstance(event, AccessRecorded)]
    assert (entry.actor.kind, entry.actor.id, entry.actor.organisation_id) == ("software", "gam", HOSPITAL)
    assert (entry.subject_id, entry.rules_version, entry.state_version) == (HOSPITAL, RULES_VERSION, 2)
    assert entry.facts is not None
    assert decide(decode_facts(entry.facts)).rules_version == RULES_VERSION


async def test_a_structure_withdraws_the_objection_that_it_set_and_no_other(pool: Pool, record_id: UUID) -> None:
    await judge(pool, feeding(record_id, "IO", 2 * HOUR))
    withdrawn = ["withdraw-feeding-objection permitted collected-consent"]
    assert await judge(pool, feeding(record_id, "INO")) == withdrawn
    assert (await state_of(pool, record_id)).choices.feeding_objections == ()
    await judge(pool, feeding(record_id, "IO", timedelta()))
    assert await judge(pool, feeding(record_id, "INO", timedelta(), organisation_id=CLINIC)) == []
    assert (await state_of(pool, record_id)).choices.feeding_objections == (HOSPITAL,)


@pytest.mark.parametrize("is_first", [True, False])
async def test_an_objection_of_the_person_s_own_is_never_the_structure_s_to_withdraw(
    pool: Pool, record_id: UUID, is_first: bool
) -> None:
    if is_first:
        await choose(pool, record_id, "object-to-feeding", HOSPITAL)
    await judge(pool, feeding(record_id, "IO", timedelta()))
    if not is_first:
        await choose(pool, record_id, "object-to-feeding", HOSPITAL)
    refused = ["withdraw-feeding-objection refused objection-of-patient"]
    assert await judge(pool, feeding(record_id, "INO", -timedelta(minutes=1))) == refused
    assert (await state_of(pool, record_id)).choices.feeding_objections == (HOSPITAL,)


async def test_the_absence_of_an_objection_changes_nothing(pool: Pool, record_id: UUID) -> None:
    assert await judge(pool, feeding(record_id, "INO"), consultation(record_id, "INC")) == []
    assert (await state_of(pool, record_id)).version == 1


@pytest.mark.parametrize(
    ("stay", "expected"),
    [(None, 90 * DAY), (30 * DAY, 30 * DAY), (200 * DAY, 90 * DAY), (timedelta(minutes=1) - HOUR, None)],
)
async def test_a_care_team_is_attested_until_the_end_of_the_stay_and_90_days_at_most(
    pool: Pool, record_id: UUID, stay: timedelta | None, expected: timedelta | None
) -> None:
    informed = clock.now() - HOUR
    until = None if stay is None else clock.now() + stay
    event = report(record_id, consultation="IC", consultation_at=informed, stay_until=until)
    entries = await judge(pool, event)
    [*given] = (await state_of(pool, record_id)).choices.authorisations
    if expected is None:
        assert (entries, given) == (["attest-care-team refused period-ended"], [])
        return
    assert entries == ["attest-care-team permitted collected-consent"]
    [attestation] = given
    assert (attestation.how, attestation.given_by, attestation.holder_id) == ("care-team", "software", HOSPITAL)
    assert attestation.informed_on is not None
    assert attestation.until == (until if expected == stay else informed + 90 * DAY)


@pytest.mark.parametrize("stay", [-2 * HOUR, -HOUR])
async def test_a_period_that_ends_before_it_begins_is_recorded_and_gives_nothing(
    pool: Pool, record_id: UUID, stay: timedelta
) -> None:
    informed = clock.now()
    inverted = report(record_id, consultation="IC", consultation_at=informed, stay_until=informed + stay)
    assert await judge(pool, inverted) == ["attest-care-team refused period-ended"]
    assert await judge(pool, inverted) == [], "it is known"
    assert await judge(pool, consultation(record_id, "INC")) == ["end-attestation refused consent-outdated"]
    assert await attestations(pool, record_id) == []


async def test_the_parameter_shortens_what_a_structure_may_attest(pool: Pool, record_id: UUID) -> None:
    rules = CollectedConsentsRules(longest_attestation=10 * DAY)
    ended = await judge(pool, consultation(record_id, "IC", 11 * DAY), rules=rules)
    assert ended == ["attest-care-team refused period-ended"]


async def test_a_longer_stay_prolongs_the_attestation_of_the_same_information(pool: Pool, record_id: UUID) -> None:
    informed = clock.now() - HOUR
    short, long = (
        report(record_id, consultation="IC", consultation_at=informed, stay_until=informed + days * DAY)
        for days in (3, 9)
    )
    await judge(pool, short)
    await judge(pool, long)
    [attestation] = (await state_of(pool, record_id)).choices.authorisations
    assert attestation.until == informed + 9 * DAY


async def test_a_structure_ends_its_own_attestation(pool: Pool, record_id: UUID) -> None:
    await judge(pool, consultation(record_id, "IC", 2 * HOUR), consultation(record_id, "IC", organisation_id=CLINIC))
    ended = await judge(pool, consultation(record_id, "INC"))
    assert ended == ["end-attestation permitted collected-consent"]
    assert await attestations(pool, record_id) == [(CLINIC, "software")]


OPPOSITES: dict[str, tuple[str, ...]] = {
    "IO": ("withdraw-feeding-objection",),
    "INO": ("object-to-feeding", "block-professional"),
    "IC": ("end-attestation", "block-professional", "object-to-care-team"),
    "INC": ("end-attestation", "block-professional"),
}
BEFORE: dict[str, str] = {"IO": "IO", "INO": "IO", "IC": "IC", "INC": "IC"}
"""What the structure had reported before, so that there is something to choose about."""
ACTIONS = {
    "IO": "object-to-feeding",
    "INO": "withdraw-feeding-objection",
    "IC": "attest-care-team",
    "INC": "end-attestation",
}
TABLE = [(code, opposite) for code, opposites in OPPOSITES.items() for opposite in opposites]


def stated(record_id: UUID, code: str, ago: timedelta) -> CollectedConsentReported:
    return (feeding if code in ("IO", "INO") else consultation)(record_id, code, ago)


@pytest.mark.parametrize(("code", "opposite"), TABLE)
async def test_what_was_collected_before_the_person_chose_otherwise_is_ignored_and_the_person_sees_it(
    pool: Pool, record_id: UUID, code: str, opposite: Any
) -> None:
    await judge(pool, stated(record_id, BEFORE[code], 3 * HOUR))
    chosen = await choose(pool, record_id, opposite, None if opposite == "object-to-care-team" else HOSPITAL)
    entries = await judge(pool, stated(record_id, code, 2 * HOUR))
    if code == "INC":
        assert entries == [], "there is nothing left to end"
    else:
        [entry] = entries
        assert entry.startswith(f"{ACTIONS[code]} refused ")
    assert await state_of(pool, record_id) == chosen


@pytest.mark.parametrize("code", ["IO", "IC"])
async def test_what_was_collected_after_the_person_took_a_choice_back_counts_again(
    pool: Pool, record_id: UUID, code: str
) -> None:
    await judge(pool, stated(record_id, code, 3 * HOUR))
    undo: dict[str, list[Any]] = {
        "IO": ["withdraw-feeding-objection"],
        "IC": ["end-attestation", "withdraw-attestation-objection"],
    }
    for action in undo[code]:
        await choose(pool, record_id, action, HOSPITAL)
    reason = "patient-chose-later"
    assert await judge(pool, stated(record_id, code, HOUR)) == [f"{ACTIONS[code]} refused {reason}"]
    later = stated(record_id, code, -timedelta(seconds=30))
    assert await judge(pool, later) == [f"{ACTIONS[code]} permitted collected-consent"]


@pytest.mark.parametrize(
    ("choice", "reason"),
    [("block-professional", "blocked"), ("object-to-care-team", "care-team-objected")],
)
async def test_no_later_information_lifts_an_objection_or_a_block_of_the_person(
    pool: Pool, record_id: UUID, choice: Any, reason: str
) -> None:
    await choose(pool, record_id, choice, HOSPITAL if choice == "block-professional" else None)
    later = consultation(record_id, "IC", -timedelta(seconds=30))
    assert await judge(pool, later) == [f"attest-care-team refused {reason}"]
    assert await attestations(pool, record_id) == []


@pytest.mark.parametrize("codes", [("IO", "INO"), ("INO", "IO"), ("IC", "INC"), ("INC", "IC")])
async def test_an_older_statement_that_arrives_later_is_ignored(
    pool: Pool, record_id: UUID, codes: tuple[str, str]
) -> None:
    older, newer = codes
    await judge(pool, stated(record_id, newer, HOUR))
    before = await state_of(pool, record_id)
    assert await judge(pool, stated(record_id, older, 2 * HOUR)) == [f"{ACTIONS[older]} refused consent-outdated"]
    assert await state_of(pool, record_id) == before


async def test_a_batch_ends_as_its_reports_one_by_one_and_a_repeated_one_changes_nothing(pool: Pool) -> None:
    ends = []
    for size in (1, 4):
        record_id = uuid4()
        async with transaction(pool) as connection:
            await copy_records(connection, [message(record_changed(record_id))])
        moment = datetime(2026, 11, 1, 10, tzinfo=UTC)
        values = [
            {"feeding": "IO", "consultation": "IC"},
            {"feeding": "INO", "consultation": "INC"},
            {"feeding": "IO", "consultation": "INC"},
            {"feeding": "IO", "consultation": "INC"},
        ]
        events = [
            report(record_id, feeding_at=moment + n * HOUR, consultation_at=moment + n * HOUR, **value)
            for n, value in enumerate(values)
        ]
        for start in range(0, len(events), size):
            await judge(pool, *events[start : start + size])
        state = await state_of(pool, record_id)
        ends.append((state.version, state.choices))
        assert await judge(pool, events[-1]) == []
    assert ends[0] == ends[1]


async def test_a_message_that_is_read_again_doubles_nothing(pool: Pool, record_id: UUID) -> None:
    consumer = Consumer(pool, subscription_of("consent.collected-consents"))
    record = fetched(feeding(record_id, "IO"))
    await consumer.consume([record])
    await consumer.consume([replace(record, offset=record.offset + 1)])
    assert len(await outbox(pool)) == 2
    assert (await state_of(pool, record_id)).version == 2


async def test_a_report_waits_for_the_version_of_the_record_that_its_sender_saw(pool: Pool, record_id: UUID) -> None:
    known, newer = report(record_id), report(record_id, seen={"identity.records.v1": 2})
    unknown = report(uuid4())
    messages = [message(event) for event in (known, newer, unknown)]
    async with transaction(pool) as connection:
        waiting = await awaiting_version(connection, messages)
    assert waiting == {messages[1].id, messages[2].id}


async def test_the_person_sees_what_was_collected_and_ends_it(api: ConsentApi, record: Record) -> None:
    await judge(api.pool, feeding(record.id, "IO"), consultation(record.id, "IC"))
    seen = await record.choices()
    day = seen["collected_objections"][0]["informed_on"]
    assert seen["feeding_objections"] == [HOSPITAL]
    assert seen["collected_objections"] == [{"structure_id": HOSPITAL, "informed_on": day}]
    [attestation] = seen["authorisations"]
    assert (attestation["given_by"], attestation["how"], attestation["informed_on"]) == ("software", "care-team", day)
    for path in (f"feeding-objections/{HOSPITAL}", f"attestations/{HOSPITAL}"):
        assert (await record.ask("DELETE", path)).status_code < 300
    seen = await record.choices()
    assert (seen["feeding_objections"], seen["collected_objections"], seen["authorisations"]) == ([], [], [])


async def test_software_reports_no_objection_by_the_routes_of_the_person(pool: Pool, record_id: UUID) -> None:
    software = Caller("software", "gam", "gam", frozenset(), organisation_id=HOSPITAL)
    for action in OBJECTIONS:
        with pytest.raises(ChangeForbiddenError):
            await change_choices(pool, record_id, software, Change(action=action, subject_id=HOSPITAL))
