"""Bodies that set rights: whole, with nothing unknown in them; their dates as extreme as anybody may write them."""

import re
from datetime import datetime, timedelta
from typing import Any

import httpx2

from services.consent.app import make_api
from services.consent.settings import Settings
from shared.runtime import clock
from shared.runtime.settings import KafkaSettings, PostgresSettings
from tests.consent.authorisations.test_fhir import ask, consent
from tests.consent.choices.test_changes import EMERGENCY, attestation
from tests.infra.consent.consent_api import APPLICATION, ConsentApi, Record
from tests.infra.http.tokens import SETTINGS, bearer, operator_token, software_token

DOCTOR, HOSPITAL = "899700000001", "1750000001"
OPTIONAL = {"from"}
"""What begins now may leave this out."""
BODIES: dict[str, tuple[str, dict[str, Any]]] = {
    "authorisations/{holder_id}": (DOCTOR, {"from": None, "until": None}),
    "attestations/{structure_id}": (HOSPITAL, {"from": None, **attestation()}),
    "care-team": ("", {"objected": True}),
    "emergency": ("", EMERGENCY),
    "default-label": ("", {"masked": True}),
    "applications/{application_id}": (APPLICATION, {"sections": ["BIOLOGIE"]}),
}
EXTREME = (
    *("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00Z", "1899-12-31T23:59:59-14:00", "9999-12-31T23:59:59.999999Z"),
    *("9999-12-31T23:59:59-14:00", "9998-12-31T00:00:00Z", "9000-01-01T00:00:00Z", "10000-01-01T00:00:00Z"),
    *("2026-02-30T00:00:00Z", "-0001-01-01T00:00:00Z", "2026-11-28T24:00:00Z", "", "\x00", "now"),
    *(0, -1, 2**31, 2**63, 1e308, -1e308, True),
)


async def put(record: Record, route: str, body: Any) -> Any:
    holder, _ = BODIES[route]
    token = software_token("software-1", HOSPITAL) if route.startswith("attestations") else None
    return await record.ask("PUT", re.sub(r"\{\w+\}", holder, route), body, token=token)


def test_every_body_that_sets_rights_is_in_the_table() -> None:
    app = make_api(
        Settings(
            postgres=PostgresSettings.model_validate({"dsn": "postgresql://127.0.0.1/nowhere"}),
            kafka=KafkaSettings(bootstrap="127.0.0.1:1"),
            tokens=SETTINGS,
        )
    )
    described = app.openapi()["paths"]
    with_body = {
        path.removeprefix("/records/{record_id}/")
        for path, methods in described.items()
        if path.startswith("/records/") and any("requestBody" in operation for operation in methods.values())
    }
    assert with_body == set(BODIES)


async def test_a_body_with_a_field_less_more_or_mistyped_changes_nothing(api: ConsentApi) -> None:
    for route in BODIES:
        await assert_only_the_whole_body_counts(await api.open_record(), route)


async def assert_only_the_whole_body_counts(record: Record, route: str) -> None:
    whole = BODIES[route][1]
    wrong: list[Any] = [{}, [], "null", {**whole, "more": True}]
    for field in whole:
        less = {name: value for name, value in whole.items() if name != field}
        wrong += [{**less, f"{field}s": whole[field]}, {**less, field.upper(): whole[field]}, {**whole, field: "no"}]
        wrong += [] if field in OPTIONAL else [less]
    before = await record.choices()
    for body in wrong:
        answer = await put(record, route, body)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), (route, body)
    assert await record.choices() == before
    assert (await put(record, route, whole)).status_code == 202
    assert (await record.choices())["version"] == 2


async def test_what_is_not_said_of_emergencies_is_not_forgotten(record: Record) -> None:
    opposed = {"break_glass": False, "regulation_centre": False, "masked_documents": False}
    assert (await put(record, "emergency", opposed)).status_code == 202
    for body in ({}, {"break_glas": False}, {"break_glass": True}, {**opposed, "regulation_centre": "false"}):
        assert (await put(record, "emergency", body)).status_code == 422
    assert (await record.choices())["emergency"] == opposed


async def test_an_end_in_the_year_9999_is_none_of_an_authorisation_and_refused_of_an_attestation(
    api: ConsentApi,
) -> None:
    for until in ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00", "9000-01-01T00:00:00Z"):
        record = await api.open_record()
        assert (await put(record, "authorisations/{holder_id}", {"until": until})).status_code == 202
        choices = await record.choices()
        assert (choices["authorised"], choices["authorisations"][0]["until"]) == ([DOCTOR], None)
        refused = await put(record, "attestations/{structure_id}", attestation(until=until))
        assert (refused.status_code, refused.json()["code"]) == (422, "attestation-invalid")


async def answers_to(record: Record, moment: Any) -> list[httpx2.Response]:
    """What every date of a request is answered."""
    text, soon = str(moment), (clock.now() + timedelta(days=3)).isoformat()
    day = text.partition("T")[0]
    periods = {"start": text}, {"end": text}, {"start": day}, {"end": day}
    activation = "/matrices/2027-01-01/activation"
    return [
        *[
            await put(record, "authorisations/{holder_id}", body)
            for body in (
                *({"until": moment}, {"from": moment, "until": None}),
                *({"from": moment, "until": soon}, {"from": moment, "until": moment}),
            )
        ],
        *[
            await put(record, "attestations/{structure_id}", attestation(**changes))
            for changes in ({"until": moment}, {"from": moment}, {"informed_on": moment}, {"informed_on": day})
        ],
        *[await ask(record, "POST", body=consent(record.id, provision={"period": period})) for period in periods],
        await record.api.client.post(activation, json={"from": moment}, headers=bearer(operator_token())),
    ]


async def test_no_date_of_a_request_is_too_extreme_for_an_answer(api: ConsentApi) -> None:
    for moment in EXTREME:
        record = await api.open_record()
        for answer in await answers_to(record, moment):
            assert answer.status_code in {202, 400, 403, 409, 422}, (moment, answer.text)
        for authorisation in (await record.choices())["authorisations"]:
            assert 1900 <= datetime.fromisoformat(authorisation["from"]).year < 9000
        assert (await record.ask("PUT", f"blocks/{DOCTOR}")).status_code == 202, moment


async def test_no_number_of_a_request_is_too_large_for_an_answer(record: Record) -> None:
    for number in ("0", "-1", "2147483648", "99999999999999", str(2**63), "1e9", "%00"):
        etag = f'"{number}"'
        answers = [
            *[await record.ask("GET", f"choices/history?{name}={number}") for name in ("before", "limit")],
            await record.ask("GET", f"choices/versions/{number}"),
            await record.ask("PUT", "care-team", {"objected": True}, if_match=etag),
        ]
        for answer in answers:
            assert answer.status_code in {404, 412, 422}, (number, answer.text)
