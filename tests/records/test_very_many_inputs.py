"""Very many spoiled messages, CDAs and archives get a clear answer: no crash, bounded memory, no content in logs.

DMP_MUTATIONS and DMP_MUTATION_SEED set their number and the seed, as the options of `python -m tests.chaos.bad_input`.
"""

import os

import pytest

from tests.infra.records.bad_input import SECRETS, read_inputs

COUNT = int(os.environ.get("DMP_MUTATIONS", "100000"))
SEED = int(os.environ.get("DMP_MUTATION_SEED", "18"))


@pytest.mark.long
def test_a_hundred_thousand_spoiled_inputs_get_a_clear_answer(capfd: pytest.CaptureFixture[str]) -> None:
    report = read_inputs(COUNT, SEED)
    assert report.outcomes.total() == COUNT
    kinds = {kind for kind, _ in report.outcomes}
    assert kinds == {"message", "cda", "archive"}
    written = capfd.readouterr()
    assert not [secret for secret in SECRETS if secret in written.out + written.err]
