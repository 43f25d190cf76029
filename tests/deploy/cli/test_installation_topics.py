"""`dmp topics` of an operator: what the workers say, and which words are about a cluster instead."""

from pathlib import Path
from typing import Any

import httpx2
import pytest

from deploy.cli import CONTEXT_VARIABLE
from deploy.cli.__main__ import main
from deploy.cli.client import Session
from deploy.cli.topics import list_topics
from shared.contracts.declarations import SERVICES
from shared.contracts.topics import CONSENT_DEPOSIT_CHECKS, CONSENT_STATES, RECORDS_DOCUMENTS
from tests.deploy.cli.test_context import ADDRESSES, context_file

LAG = {"group": CONSENT_DEPOSIT_CHECKS.name, "topic": RECORDS_DOCUMENTS.name, "lag": 12, "seconds_behind": 3.4}
SAID: dict[str, dict[str, Any]] = {
    "consent": {
        "topics": [{"topic": CONSENT_STATES.name, "partitions": 6, "records": 70}],
        "lags": [LAG, {**LAG, "topic": "t", "lag": 5, "seconds_behind": None}],
    }
}


async def token() -> tuple[str, int]:
    return "token", 300


def answer(request: httpx2.Request) -> httpx2.Response:
    """Answers as workers do; records' does not answer."""
    assert (request.method, request.url.path) == ("GET", "/topics")
    if request.url.host == "records":
        raise httpx2.ConnectError("nobody listens")
    return httpx2.Response(200, json=SAID.get(request.url.host, {"topics": [], "lags": []}))


async def test_topics_and_lags_of_all_workers_are_shown_and_who_does_not_answer() -> None:
    urls = {f"{name}-worker": f"http://{name}" for name in SERVICES}
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
        listed = await list_topics(Session(http, urls, "op", token))
    assert listed.as_json() == {**SAID["consent"], "unknown": ["records"]}
    assert [" ".join(line.split()) for line in listed.lines()] == [
        "topic partitions records",
        "consent.states.v1 6 70",
        "",
        "group topic lag seconds behind",
        "consent.deposit-checks records.documents.v1 12 3 s",
        "consent.deposit-checks t 5 unknown",
        "unknown for records: records-worker does not answer: look with `dmp status`",
    ]


@pytest.mark.parametrize("words", [["--context", "FILE"], ["--context=FILE"], ["--json", "--context", "FILE"], []])
def test_topics_with_a_context_file_is_about_its_installation(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(context_file(tmp_path, ADDRESSES))
    monkeypatch.setenv(CONTEXT_VARIABLE, file)
    monkeypatch.delenv("TOPICS_KAFKA__BOOTSTRAP", raising=False)
    assert main(["topics", *(word.replace("FILE", file) for word in words)]) == 1
    assert "names no operator" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--check"], ["--apply"], []])
def test_topics_with_the_settings_of_a_cluster_is_about_that_cluster(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(CONTEXT_VARIABLE, str(context_file(tmp_path, ADDRESSES)))
    monkeypatch.setenv("TOPICS_KAFKA__BOOTSTRAP", "kafka.example:9092")
    assert main(["topics", *words]) == 78
    assert "settings are missing or wrong" in capsys.readouterr().err
