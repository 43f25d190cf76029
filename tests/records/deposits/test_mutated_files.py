"""Whatever archive or CDA is sent, the answer is a clear 4xx, without content in messages and logs."""

import random
from uuid import UUID

import pytest

from services.records.deposits.domain.submissions import check_contents
from services.records.deposits.domain.xdm_submissions import submission_of_xdm
from shared.xdm.archive import read_archive
from tests.infra.http.tokens import bearer, software_token
from tests.infra.records.bad_input import LIMIT, SECRETS, read_inputs
from tests.infra.records.mutations import BASES, PERSON, spoiled_archive, spoiled_cda
from tests.infra.records.records_api import HOSPITAL, RecordsApi
from tests.infra.records.xdms import an_archive

FEW = 600
TO_THE_API = 300


def test_the_files_are_taken_before_they_are_spoiled() -> None:
    assert len(check_contents(submission_of_xdm(read_archive(an_archive(*BASES), LIMIT))).documents) == len(BASES)


def test_spoiled_files_are_refused_for_many_causes() -> None:
    outcomes = read_inputs(FEW, seed=18).outcomes
    codes = {code for kind, code in outcomes if kind != "message"}
    assert len(codes) > 15, codes
    assert outcomes["archive", "read"] > 0


async def test_the_running_api_answers_spoiled_files_with_4xx_and_logs_nothing_of_them(
    shared_records_api: RecordsApi, capfd: pytest.CaptureFixture[str]
) -> None:
    api = shared_records_api
    await api.be_empty()
    record: UUID = await api.open_record(PERSON)
    await api.choose(record, 1)
    await api.be_fresh()
    software = bearer(software_token("software-1", HOSPITAL))
    taken = 0
    for number in range(TO_THE_API):
        source = random.Random(number)
        is_cda = number % 4 == 0
        body = spoiled_cda(source) if is_cda else spoiled_archive(source)
        path, kind = ("/cda", "text/xml") if is_cda else ("/xdm", "application/zip")
        answer = await api.client.post(path, content=body, headers={**software, "content-type": kind})
        assert answer.status_code == 201 or 400 <= answer.status_code < 500, (number, answer.text)
        assert answer.status_code == 201 or answer.json()["code"] != "internal", number
        assert not [secret for secret in SECRETS if secret in answer.text], number
        taken += answer.status_code == 201
    assert 0 < taken < TO_THE_API
    logged = capfd.readouterr()
    assert not [secret for secret in SECRETS if secret in logged.out + logged.err]
