"""Reads very many spoiled messages, CDAs and archives as their doors do, as far as that goes without a database.

Each input follows from its number and the seed alone, so that one that fails can be made again.
"""

import random
import resource
import time
from collections import Counter
from dataclasses import dataclass
from typing import Final

from services.records.deposits.domain.cda_submissions import CdaContent, submission_of_cdas
from services.records.deposits.domain.submissions import check_contents
from services.records.deposits.domain.xdm_submissions import submission_of_xdm
from shared.errors import ClientError
from shared.fhir.submission import InvalidSubmissionError
from shared.xdm.archive import read_archive
from tests.infra.records import message_mutations, mutations

LIMIT: Final = 20 * 1024 * 1024
SECRETS: Final = (
    *(mutations.PERSON.ins, mutations.PERSON.birth_name, "INVENTÉE", "Rien à signaler"),
    *(message_mutations.SECRET, message_mutations.PERSON.ins, message_mutations.PERSON.birth_name),
)
"""Content of the inputs before they are spoiled; no message of an error and no log may repeat it."""
KINDS: Final = ("message", "message", "cda", "archive")
"""The kinds of input, in turn."""
WARM_UP: Final = 400
"""Inputs after which memory is measured."""
MOST_GROWN_KIB: Final = 100_000
SLOWEST_S: Final = 5.0
"""CPU seconds, which do not grow with the load of the machine."""


class BadInputError(AssertionError):
    """An input got no clear answer; its number and the seed make it again."""


@dataclass(frozen=True)
class BadInputReport:
    """`outcomes`: inputs by kind and answer. `slowest_s`: CPU seconds of the slowest; `grown_kib`: by what
    the process grew after the first inputs."""

    outcomes: Counter[tuple[str, str]]
    seconds: float
    slowest_s: float
    grown_kib: int


def read_inputs(count: int, seed: int) -> BadInputReport:
    """Makes and reads as many inputs. Raises BadInputError where one gets no clear answer, or where memory grows."""
    outcomes: Counter[tuple[str, str]] = Counter()
    started, slowest, before = time.perf_counter(), 0.0, 0
    for number in range(count):
        if number == min(WARM_UP, count - 1):
            before = _peak_kib()
        kind = KINDS[number % len(KINDS)]
        began = time.process_time()
        try:
            outcomes[kind, _answer(kind, random.Random(f"{seed}-{number}"))] += 1
        except Exception as error:
            raise BadInputError(f"input {number} of seed {seed}, a {kind}: {type(error).__name__}") from error
        took = time.process_time() - began
        if took > SLOWEST_S:
            raise BadInputError(f"input {number} of seed {seed}, a {kind}, took {took:.1f} s of CPU")
        slowest = max(slowest, took)
    grown = _peak_kib() - before
    if grown > MOST_GROWN_KIB:
        raise BadInputError(f"memory grew by {grown:,} KiB over {count:,} inputs of seed {seed}")
    return BadInputReport(outcomes, time.perf_counter() - started, slowest, grown)


def refusal_of(body: bytes, *, is_cda: bool) -> ClientError | None:
    """Returns why a CDA or an archive is refused; None where it is taken."""
    try:
        if is_cda:
            check_contents(submission_of_cdas([CdaContent(body)]))
        else:
            check_contents(submission_of_xdm(read_archive(body, LIMIT)))
    except ClientError as error:
        return error
    return None


def refusal_code(error: ClientError | None) -> str:
    """Returns the code of a refusal, `read` for none. Fails unless it is a 4xx without content of the input."""
    if error is None:
        return "read"
    issues = error.issues if isinstance(error, InvalidSubmissionError) else ()
    text = " ".join([str(error), *(issue.diagnostics for issue in issues)])
    assert 400 <= error.status < 500
    assert not [secret for secret in SECRETS if secret in text]
    return issues[0].code if issues else error.code


def _answer(kind: str, source: random.Random) -> str:
    if kind == "message":
        return message_mutations.outcome_of(message_mutations.spoiled_message(source))
    is_cda = kind == "cda"
    body = mutations.spoiled_cda(source) if is_cda else mutations.spoiled_archive(source)
    return refusal_code(refusal_of(body, is_cda=is_cda))


def _peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
