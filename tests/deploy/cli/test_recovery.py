"""`dmp recover` of an operator: reports of every service, and what a worker takes of them."""

import json
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx2
import pytest

from deploy.cli import recovery
from deploy.cli.__main__ import main
from deploy.cli.client import Session
from deploy.cli.errors import LocalError
from deploy.cli.operator_routes import ACTS
from shared.contracts.topics import CONSENT_STATES, IDENTITY_PEOPLE, IDENTITY_PROFESSIONALS, IDENTITY_RECORDS
from shared.messaging.outbox.recovery import CopyAhead
from shared.messaging.recovery_check import Missing, RecoveryCheck
from shared.messaging.recovery_routes import MOST_STATES, NeighbourReport

RECORD, OTHER = "0199a3c4-5d00-8a11-9b7e-2f6c1d4e9a3b", "0199a3c4-5d00-8a11-9b7e-2f6c1d4e9a3c"


def report(*ahead: CopyAhead, **fields: Any) -> dict[str, Any]:
    """Returns what a worker reports."""
    check = RecoveryCheck(ahead=list(ahead), **fields)
    return {"is_complete": check.is_complete, **asdict(check)}


class Workers:
    """Workers that report what they are set to, keep what they are to withhold, and do not answer where nothing is."""

    def __init__(self) -> None:
        self.reports: dict[str, dict[str, Any]] = {}
        self.withheld: list[list[str]] = []

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        """Answers a request, as workers do."""
        service, path = request.url.host, request.url.path
        assert path.startswith(ACTS)
        if path == "/recovery" and request.method == "GET":
            if service not in self.reports:
                raise httpx2.ConnectError("nobody listens")
            return httpx2.Response(200, json=self.reports[service])
        assert (path, request.method) == ("/recovery/withhold", "POST")
        states = NeighbourReport.model_validate_json(request.content).ahead
        self.withheld.append([state.key for state in states])
        return httpx2.Response(200, json={"undecided": {IDENTITY_RECORDS.name: self.withheld[-1]}})


@pytest.fixture
def workers() -> Workers:
    return Workers()


@pytest.fixture
async def operator(workers: Workers) -> AsyncIterator[Session]:
    async def token() -> tuple[str, int]:
        return "token", 300

    urls = {f"{name}-worker": f"http://{name}" for name in ("identity", "consent", "audit")}
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(workers.answer)) as http:
        yield Session(http, urls, "op", token)


async def test_the_check_has_the_report_of_each_service_and_says_which_gave_none(
    workers: Workers, operator: Session
) -> None:
    workers.reports = {"identity": report(), "consent": report(unread={"consent.deposit-checks": Missing(2, ["a"])})}
    reports = await recovery.check(operator, ["identity", "consent", "audit"])
    assert reports.as_json() == {**workers.reports, "audit": None}
    assert not reports.is_complete
    rows = recovery.missing_rows(reports)
    assert rows[0] == ("consent", "unread: consent.deposit-checks", "2: a")
    assert rows[1][:2] == ("audit", "unknown")
    assert len(rows) == 2
    assert (await recovery.check(operator, ["identity"])).is_complete
    assert not (await recovery.check(operator, ["audit"])).is_complete


async def test_all_that_a_report_can_name_is_shown_to_a_person(workers: Workers, operator: Session) -> None:
    ahead = CopyAhead(IDENTITY_RECORDS.name, RECORD, 4, 2)
    missing = {"parked": {"g dead": Missing(1, ["b"])}, "missing": {"alert": Missing(1, ["c"])}}
    workers.reports = {
        "consent": report(ahead, cluster="another", lost={"t": 3}, refused=5, offsets_lost=["g t 0"], **missing)
    }
    shown = [words for _, words, _ in recovery.missing_rows(await recovery.check(operator, ["consent"]))]
    assert shown == [
        "Kafka cluster: another",
        "refused announcements",
        "offset lost",
        "lost from its database: t",
        "parked: g dead",
        "without an effect: alert",
        f"newer copy: {IDENTITY_RECORDS.name}",
    ]


async def test_a_long_report_is_withheld_in_parts_that_a_worker_takes(
    workers: Workers, operator: Session, tmp_path: Path
) -> None:
    keys = [f"0199a3c4-5d00-8a11-9b7e-{number:012x}" for number in range(2 * recovery.AT_ONCE + 1)]
    file = tmp_path / "check.json"
    file.write_text(json.dumps({"consent": report(*(CopyAhead(IDENTITY_RECORDS.name, key, 3, 1) for key in keys))}))
    done = await recovery.withhold(operator, "identity", recovery.states_ahead(file, "identity"))
    assert done == {"undecided": {IDENTITY_RECORDS.name: keys}}
    assert recovery.AT_ONCE <= MOST_STATES
    assert [len(part) for part in workers.withheld] == [recovery.AT_ONCE, recovery.AT_ONCE, 1]


@pytest.mark.parametrize("of_one_service", [True, False])
def test_of_reports_only_the_newest_copies_of_the_services_own_states_are_taken(
    of_one_service: bool, tmp_path: Path
) -> None:
    foreign = CopyAhead(CONSENT_STATES.name, RECORD, 9, 0)
    copies = [CopyAhead(IDENTITY_RECORDS.name, RECORD, version, 1) for version in (3, 5, 4)]
    others = [CopyAhead(IDENTITY_PEOPLE.name, OTHER, 2, 0), CopyAhead(IDENTITY_PROFESSIONALS.name, "899", 2, 1)]
    file, several = tmp_path / "check.json", {"consent": report(*copies[:2]), "notify": None}
    several["records"] = report(foreign, copies[2], *others)
    file.write_text(json.dumps(report(foreign, *copies, *others) if of_one_service else several))
    assert recovery.states_ahead(file, "identity") == [
        {"topic": IDENTITY_RECORDS.name, "key": RECORD, "version": 5, "on_topic": 1},
        {"topic": IDENTITY_PEOPLE.name, "key": OTHER, "version": 2, "on_topic": 0},
        {"topic": IDENTITY_PROFESSIONALS.name, "key": "899", "version": 2, "on_topic": 1},
    ]
    assert recovery.states_ahead(file, "audit") == []


@pytest.mark.parametrize("text", ["", "[]", "[1]", '{"consent": 1}', '{"ahead": [{"topic": "a"}]}', '{"ahead": 1}'])
def test_a_file_that_is_no_report_is_refused_in_one_line(text: str, tmp_path: Path) -> None:
    file = tmp_path / "check.json"
    file.write_text(text)
    with pytest.raises(LocalError, match=r"^--above: .*check\.json is not what `recover --check` prints$"):
        recovery.states_ahead(file, "identity")
    with pytest.raises(LocalError, match="is not what"):
        recovery.states_ahead(tmp_path / "nowhere.json", "identity")


@pytest.mark.parametrize("words", [[], ["audit", "consent"], ["--announce"], ["--above", "file"]])
def test_each_act_of_recover_is_about_one_service(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recover", *words]) == 2
    assert capsys.readouterr().err == "error: name the service to recover, one at a time\n"


@pytest.mark.parametrize("words", [["nobody"], ["audit", "--check", "--announce"], ["audit", "--above"]])
def test_arguments_of_recover_that_do_not_fit_are_wrong_use(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["recover", *words])
    assert "usage: dmp recover" in capsys.readouterr().err
