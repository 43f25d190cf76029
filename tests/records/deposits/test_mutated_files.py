"""Whatever archive or CDA is sent, the answer is a clear 4xx: no crash, no more memory than its size allows, no content
in messages and logs.

DMP_MUTATIONS sets the number of files for the readers; the seed of a file that fails is in the message.
"""

import os
import random
import resource
import time
from uuid import UUID

import pytest

from services.records.deposits.domain.cda_submissions import CdaContent, submission_of_cdas
from services.records.deposits.domain.submissions import check_contents
from services.records.deposits.domain.xdm_submissions import submission_of_xdm
from shared.errors import ClientError
from shared.fhir.submission import InvalidSubmissionError
from shared.xdm.archive import read_archive
from tests.infra.http.tokens import bearer, software_token
from tests.infra.records.mutations import BASES, PERSON, spoiled_archive, spoiled_cda
from tests.infra.records.records_api import HOSPITAL, RecordsApi
from tests.infra.records.xdms import an_archive

COUNT = int(os.environ.get("DMP_MUTATIONS", "10000"))
FEW = 600
TO_THE_API = 300
LIMIT = 20 * 1024 * 1024
SECRETS = (PERSON.ins, PERSON.birth_name, "INVENTÉE", "Rien à signaler")
SLOWEST_S = 5.0


def read(number: int) -> str | None:
    """Reads the file of this number as its door does. Returns the code of its refusal; None where it is taken."""
    source = random.Random(number)
    body = spoiled_cda(source) if number % 4 == 0 else spoiled_archive(source)
    refusal = refusal_of(body, is_cda=number % 4 == 0)
    if refusal is None:
        return None
    issues = refusal.issues if isinstance(refusal, InvalidSubmissionError) else ()
    text = " ".join([str(refusal), *(issue.diagnostics for issue in issues)])
    assert 400 <= refusal.status < 500
    assert not [secret for secret in SECRETS if secret in text]
    return issues[0].code if issues else refusal.code


def refusal_of(body: bytes, *, is_cda: bool) -> ClientError | None:
    try:
        if is_cda:
            check_contents(submission_of_cdas([CdaContent(body)]))
        else:
            check_contents(submission_of_xdm(read_archive(body, LIMIT)))
    except ClientError as error:
        return error
    return None


def read_many(count: int) -> dict[str | None, int]:
    """Returns how many files were refused with each code."""
    codes: dict[str | None, int] = {}
    for number in range(count):
        started = time.perf_counter()
        try:
            code = read(number)
        except Exception as error:
            raise AssertionError(f"file {number}") from error
        assert time.perf_counter() - started < SLOWEST_S, f"file {number}"
        codes[code] = codes.get(code, 0) + 1
    return codes


def test_the_files_are_taken_before_they_are_spoiled() -> None:
    assert len(check_contents(submission_of_xdm(read_archive(an_archive(*BASES), LIMIT))).documents) == len(BASES)


def test_spoiled_files_are_refused_for_many_causes() -> None:
    codes = read_many(FEW)
    assert len(codes) > 15, codes
    assert codes[None] > 0


@pytest.mark.long
def test_very_many_spoiled_files_crash_nothing_and_leave_no_memory_behind() -> None:
    read_many(FEW)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    codes = read_many(COUNT)
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert sum(codes.values()) == COUNT
    assert grown_kib < 100_000


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
