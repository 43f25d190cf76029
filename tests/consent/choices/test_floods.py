"""Many changes in an hour: what is refused then, whose hundred is used up, and what always works."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.consent.choices import steps
from services.consent.choices.domain.choices import UNLIMITED_ACTIONS
from shared.runtime import clock
from tests.infra.consent.consent_api import APPLICATION, Record, person, representative
from tests.infra.http.tokens import make_token, professional_token, software_token

DOCTOR, NURSE, HOSPITAL, CLINIC = "899700000001", "899700000002", "1750000001", "1750000002"


def attestation(days: int = 30) -> dict[str, Any]:
    return {"informed_on": clock.now().date().isoformat(), "until": (clock.now() + timedelta(days=days)).isoformat()}


async def flood(record: Record, count: int, token: str | None = None) -> None:
    for number in range(count):
        answer = await record.ask("PUT", "default-label", {"masked": number % 2 == 0}, token=token)
        assert answer.status_code == 202, answer.text


async def test_a_record_takes_a_hundred_changes_an_hour_but_taking_a_right_away_always_works(record: Record) -> None:
    carer = uuid4()
    await record.announce_people(carers=(person(carer),))
    team = software_token("software-1", HOSPITAL)
    assert (await record.ask("PUT", f"attestations/{HOSPITAL}", attestation(), token=team)).status_code == 202
    await record.ask("PUT", f"authorisations/{DOCTOR}")
    await record.ask("PUT", f"attending-doctors/{DOCTOR}")
    await record.ask("PUT", f"applications/{APPLICATION}", {"sections": ["BIOLOGIE"]})
    await flood(record, 48)
    await flood(record, 49, representative(record.id, carer, "carer"))
    late = await record.ask("PUT", "default-label", {"masked": False}, accept_language="fr")
    assert (late.status_code, late.json()["code"]) == (429, "too-many-changes")
    assert 0 < int(late.headers["retry-after"]) <= 3600
    assert "bloquer" in late.json()["detail"]
    assert (await record.entries())[-1].reason == "too-many-changes"
    assert (await record.ask("PUT", f"authorisations/{DOCTOR}")).json()["version"] == 102  # changes nothing
    for method, path, body in (
        ("DELETE", f"authorisations/{DOCTOR}", None),
        ("DELETE", f"attestations/{HOSPITAL}", None),
        ("DELETE", f"applications/{APPLICATION}", None),
        ("DELETE", f"attending-doctors/{DOCTOR}", None),
        ("PUT", f"blocks/{NURSE}", None),
        ("PUT", f"feeding-objections/{HOSPITAL}", None),
        ("PUT", "hidden-sections/BIOLOGIE", None),
        ("PUT", "care-team", {"objected": True}),
    ):
        assert (await record.ask(method, path, body)).status_code == 202, path
    for path in (f"blocks/{NURSE}", "hidden-sections/BIOLOGIE", f"feeding-objections/{HOSPITAL}"):
        assert (await record.ask("DELETE", path)).status_code == 429
    assert {entry.action for entry in await record.entries()} & UNLIMITED_ACTIONS == UNLIMITED_ACTIONS


async def test_what_takes_a_right_away_and_what_others_change_leave_the_person_the_hundred(record: Record) -> None:
    await flood(record, 99)
    team = software_token("software-1", HOSPITAL)
    for _ in range(3):
        assert (await record.ask("PUT", f"blocks/{NURSE}")).status_code == 202
        assert (await record.ask("PUT", f"attestations/{HOSPITAL}", attestation(), token=team)).status_code == 202
        assert (await record.ask("DELETE", f"attestations/{HOSPITAL}", token=team)).status_code == 202
        with_card = make_token("professional", DOCTOR, profession="10", patient_present=record.id)
        assert (await record.ask("PUT", f"authorisations/{DOCTOR}", token=with_card)).status_code == 202
        await record.api.pool.execute("update consent_states set choices = jsonb_set(choices, '{blocked}', '[]')")
    assert (await record.ask("PUT", f"authorisations/{NURSE}")).status_code == 202
    assert (await record.ask("PUT", "default-label", {"masked": False})).status_code == 429


async def test_one_structure_floods_no_record_and_another_one_is_not_hindered(record: Record) -> None:
    await record.ask("PUT", f"authorisations/{NURSE}")
    path, staff = f"attestations/{HOSPITAL}", professional_token(NURSE, "60", HOSPITAL)
    for number in range(100):
        token = staff if number % 2 else software_token("software-1", HOSPITAL)
        assert (await record.ask("PUT", path, attestation(number + 1), token=token)).status_code == 202
        assert (await record.ask("DELETE", path, token=token)).status_code == 202
    for token in (staff, software_token("software-9", HOSPITAL)):
        late = await record.ask("PUT", path, attestation(), token=token)
        assert (late.status_code, late.json()["code"]) == (429, "too-many-changes")
    other = software_token("software-2", CLINIC)
    assert (await record.ask("PUT", f"attestations/{CLINIC}", attestation(), token=other)).status_code == 202
    assert (await record.ask("PUT", "default-label", {"masked": True})).status_code == 202


async def test_changes_of_an_hour_ago_count_no_more(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    await flood(record, 100)
    assert (await record.ask("PUT", "default-label", {"masked": True})).status_code == 429
    monkeypatch.setattr(steps, "CHANGES_PERIOD", timedelta(0))
    await flood(record, 1)
