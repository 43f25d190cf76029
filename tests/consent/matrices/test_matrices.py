"""Versions of the national matrix: imported, compared, activated, and told to everybody."""

from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any

import httpx2
import pytest

from shared.contracts.consent import MatrixChanged
from shared.runtime import clock
from shared.runtime.settings import FreshnessSettings
from shared.terminology.matrix import matrix_of, packaged
from tests.infra.consent.consent_api import ConsentApi
from tests.infra.http.tokens import bearer, make_token, operator_token, patient_token, professional_token
from tests.infra.messaging.messages import outbox

NEW = "2027-01-01"
FIRST = packaged()[0]
LIMIT = timedelta(seconds=FreshnessSettings().limit_s)
HEAD = "profession,type,answer,status\n"


def first_text() -> str:
    data = files("shared.terminology") / "data" / "matrices" / f"{FIRST.name}.csv"
    return data.read_text(encoding="utf-8")


def changed_text() -> str:
    """The first version, but doctors lose one type and osteopaths gain another."""
    lines = [line for line in first_text().splitlines() if line != "G15_10,11502-2,allowed,decree"]
    return "\n".join([*lines, "G15_10,11502-2,denied,court", "R95_71,11502-2,allowed,decree"])


async def be_reached(api: ConsentApi) -> None:
    """The date of what was activated has come."""
    await api.pool.execute("update matrices set active_from = now() where active_from is not null")


async def ask(api: ConsentApi, method: str, path: str, *, token: str | None = None, **options: Any) -> httpx2.Response:
    headers = bearer(token or make_token("administrator", "admin-1", scope="matrices.write"))
    return await api.client.request(
        method, f"/matrices{path}", headers={**headers, **options.pop("headers", {})}, **options
    )


async def test_a_version_is_imported_compared_in_words_and_activated(api: ConsentApi) -> None:
    await api.open_record()
    imported = await ask(api, "POST", "", params={"name": NEW}, content=changed_text())
    assert (imported.status_code, imported.json()["active_from"], imported.json()["in_force"]) == (201, None, False)

    diff = (await ask(api, "GET", f"/{NEW}/diff")).json()
    assert (diff["against"], diff["cells"], diff["professions"], diff["records"]) == (FIRST.name, 2, 2, 1)
    doctor, other = diff["changes"]
    assert (doctor["profession"], [document_type["code"] for document_type in doctor["closes"]], doctor["opens"]) == (
        "G15_10",
        ["11502-2"],
        [],
    )
    assert "may no longer read" in doctor["sentence"]
    assert "11502-2" in doctor["sentence"]
    assert (other["profession"], [document_type["code"] for document_type in other["opens"]]) == ("R95_71", ["11502-2"])
    assert "records touched: at most 1 " in diff["sentence"]
    french = (await ask(api, "GET", f"/{NEW}/diff", headers={"accept-language": "fr"})).json()
    assert "ne pourra plus lire" in french["changes"][0]["sentence"]
    assert "dossiers touchés : 1 au plus" in french["sentence"]

    later = clock.now() + timedelta(days=30)
    active = await ask(api, "POST", f"/{NEW}/activation", json={"from": later.isoformat()})
    assert (active.status_code, active.json()["in_force"]) == (200, False)
    soon = await ask(api, "POST", f"/{NEW}/activation", json={})
    assert (soon.status_code, soon.json()["in_force"]) == (200, False)
    await be_reached(api)
    listed = (await ask(api, "GET", "")).json()
    assert [(version["name"], version["in_force"]) for version in listed] == [(FIRST.name, False), (NEW, True)]

    events = await outbox(api.pool)
    matrix_events = [event for event in events if isinstance(event, MatrixChanged)]
    assert [(event.name, event.version) for event in matrix_events] == [(NEW, 1), (NEW, 2), (NEW, 3)]
    assert [event.active_from for event in matrix_events][:2] == [None, later]
    last = matrix_events[-1]
    travelled = matrix_of(NEW, last.active_from, last.allowed, last.denied, last.allowed_by_default)
    assert travelled.cell("G15_10", "11502-2") == "denied"
    assert travelled.cell("G15_21", "11502-2") == FIRST.cell("G15_21", "11502-2")


async def test_a_version_that_changes_no_cell_touches_no_record(api: ConsentApi) -> None:
    await api.open_record()
    await ask(api, "POST", "", params={"name": NEW}, content=first_text())
    diff = (await ask(api, "GET", f"/{NEW}/diff")).json()
    assert (diff["cells"], diff["records"], diff["changes"]) == (0, 0, [])
    assert diff["sentence"].endswith("records touched: none.")
    french = (await ask(api, "GET", f"/{NEW}/diff", headers={"accept-language": "fr"})).json()
    assert french["sentence"].endswith("dossiers touchés : aucun.")


async def test_who_did_what_and_on_what_each_cell_rests_is_kept(api: ConsentApi) -> None:
    other = make_token("administrator", "admin-2", scope="matrices.write")
    await ask(api, "POST", "", params={"name": NEW}, content=changed_text())
    await ask(api, "POST", "", params={"name": NEW}, content=changed_text(), token=other)
    await ask(api, "POST", f"/{NEW}/activation", json={}, token=other)

    packaged_one, new = (await ask(api, "GET", "")).json()
    assert (packaged_one["imported_by"], packaged_one["activated_by"]) == (None, None)
    assert (new["imported_by"], new["activated_by"]) == ("admin-1", "admin-2")
    assert packaged_one["imported_at"] is None
    assert new["imported_at"] <= new["activated_at"] <= clock.now().isoformat()
    first = packaged_one["sources"]
    assert first == {"decree": 424, "court": 0, "default": 2534}
    assert new["sources"] == {"decree": 424, "court": 1, "default": 2534}
    assert new["cells"] == sum(new["sources"].values())

    for name, text in ((NEW, changed_text()), (FIRST.name, first_text())):
        file = await ask(api, "GET", f"/{name}")
        assert (file.text, file.headers["content-type"]) == (text, "text/csv; charset=utf-8")
    assert (await ask(api, "GET", "/unknown")).json()["code"] == "matrix-unknown"

    closed, opened = (await ask(api, "GET", f"/{NEW}/diff")).json()["changes"]
    assert [document_type["source"] for document_type in (*closed["closes"], *opened["opens"])] == ["court", "decree"]
    assert "(11502-2, court)" in closed["sentence"]
    french = (await ask(api, "GET", f"/{NEW}/diff", headers={"accept-language": "fr"})).json()
    assert "(11502-2, juridiction)" in french["changes"][0]["sentence"]


async def test_a_cell_that_is_left_out_rests_on_the_default(api: ConsentApi) -> None:
    await ask(api, "POST", "", params={"name": NEW}, content=HEAD + "G15_10,11488-4,allowed,court")
    [doctor] = [
        change
        for change in (await ask(api, "GET", f"/{NEW}/diff")).json()["changes"]
        if change["profession"] == "G15_10"
    ]
    assert {document_type["source"] for document_type in doctor["closes"]} == {"default"}


async def test_the_same_cells_from_other_sources_are_another_version(api: ConsentApi) -> None:
    await ask(api, "POST", "", params={"name": NEW}, content=HEAD + "G15_10,11488-4,allowed,court")
    other = await ask(api, "POST", "", params={"name": NEW}, content=HEAD + "G15_10,11488-4,allowed,decree")
    assert (other.status_code, other.json()["code"]) == (409, "matrix-name-taken")


async def test_a_version_imported_before_files_were_kept_is_known_without_its_sources(api: ConsentApi) -> None:
    await ask(api, "POST", "", params={"name": NEW}, content=changed_text())
    await api.pool.execute("update matrices set csv = null, imported_by = null")
    assert (await ask(api, "GET", "")).json()[1]["sources"] is None
    file = await ask(api, "GET", f"/{NEW}")
    assert (file.status_code, file.json()["code"]) == (404, "matrix-file-unknown")
    assert "11502-2)" in (await ask(api, "GET", f"/{NEW}/diff")).json()["changes"][0]["sentence"]
    again = await ask(api, "POST", "", params={"name": NEW}, content=changed_text())
    assert again.status_code == 201
    refused = await ask(api, "POST", "", params={"name": NEW}, content=first_text())
    assert refused.status_code == 409


async def test_the_same_version_again_changes_nothing_and_other_cells_need_another_name(api: ConsentApi) -> None:
    for _ in range(2):
        assert (await ask(api, "POST", "", params={"name": NEW}, content=changed_text())).status_code == 201
    assert len(await outbox(api.pool)) == 1
    for name, text in ((NEW, first_text()), (FIRST.name, changed_text())):
        refused = await ask(api, "POST", "", params={"name": name}, content=text)
        assert (refused.status_code, refused.json()["code"]) == (409, "matrix-name-taken")
    assert len(await outbox(api.pool)) == 1


def at(moment: datetime) -> dict[str, str]:
    return {"from": moment.isoformat()}


def in_utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a,b\n",
        HEAD,
        HEAD + "G15_10,11502-2,perhaps,decree",
        HEAD + "G15_10,11502-2,allowed",
        HEAD + "G15_10,11502-2,allowed,decree,more",
        HEAD + "G15_10,11502-2,allowed," + "x" * 140_000,
        "x" * 140_000,
        HEAD + "G15_99,11502-2,allowed,decree",
        HEAD + "G15_10,nothing,allowed,decree",
        HEAD + "G15_10,11502-2,allowed,decree\nG15_10,11502-2,denied,decree",
        b"\xff\xfe",
    ],
)
async def test_what_is_no_matrix_is_refused(api: ConsentApi, text: str | bytes) -> None:
    refused = await ask(api, "POST", "", params={"name": NEW}, content=text)
    assert (refused.status_code, refused.json()["code"]) == (422, "matrix-invalid")
    assert await outbox(api.pool) == []


async def test_a_matrix_comes_into_force_when_every_copy_has_heard_of_it_and_only_once(api: ConsentApi) -> None:
    await ask(api, "POST", "", params={"name": NEW}, content=changed_text())
    for too_soon in (-timedelta(days=1), timedelta(0), LIMIT - timedelta(seconds=5)):
        refused = await ask(api, "POST", f"/{NEW}/activation", json=at(clock.now() + too_soon))
        assert (refused.status_code, refused.json()["code"]) == (422, "activation-invalid")
    assert (await ask(api, "POST", f"/{NEW}/activation", json={"from": "2027-01-01T00:00:00"})).status_code == 422
    for later in (clock.now() + timedelta(days=2), clock.now() + LIMIT + timedelta(seconds=60)):
        assert (await ask(api, "POST", f"/{NEW}/activation", json=at(later))).json()["active_from"] == in_utc(later)
    requested_at = clock.now()
    earliest = await ask(api, "POST", f"/{NEW}/activation", json={})
    since = datetime.fromisoformat(earliest.json()["active_from"])
    assert requested_at + LIMIT <= since <= clock.now() + LIMIT
    assert earliest.json()["in_force"] is False


async def test_a_date_that_is_near_or_has_come_is_not_moved_any_more(api: ConsentApi) -> None:
    await ask(api, "POST", "", params={"name": NEW}, content=changed_text())
    since = (await ask(api, "POST", f"/{NEW}/activation", json={})).json()["active_from"]
    events = await outbox(api.pool)
    for name in (NEW, FIRST.name):
        for body in ({}, at(clock.now() + timedelta(days=30))):
            again = await ask(api, "POST", f"/{name}/activation", json=body)
            assert (again.status_code, again.json()["code"]) == (409, "matrix-in-force")
    same = await ask(api, "POST", f"/{NEW}/activation", json={"from": since})
    assert (same.status_code, same.json()["active_from"]) == (200, since)
    assert await outbox(api.pool) == events


async def test_no_date_is_given_to_a_matrix_that_nobody_imported(api: ConsentApi) -> None:
    for method, path in (("GET", "/unknown/diff"), ("POST", "/unknown/activation")):
        missing = await ask(api, method, path, json={})
        assert (missing.status_code, missing.json()["code"]) == (404, "matrix-unknown")


async def test_administrators_alone_see_and_change_matrices(api: ConsentApi) -> None:
    record = await api.open_record()
    tokens = (patient_token(record.id), professional_token("899700000001"), operator_token())
    requests = (
        ("POST", f"?name={NEW}"),
        ("GET", ""),
        ("GET", f"/{NEW}"),
        ("GET", f"/{NEW}/diff"),
        ("POST", f"/{NEW}/activation"),
    )
    for token in tokens:
        for method, path in requests:
            assert (await ask(api, method, path, token=token, json={})).status_code == 403
