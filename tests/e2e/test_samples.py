"""Each published CDA document, deposited for the person it names, is published or refused with the right reason."""

import os
from pathlib import Path

import pytest

from deploy.local.demo.client import Dmp
from deploy.local.demo.credentials import HOSPITAL, session_of
from deploy.local.platform import endpoints
from deploy.local.platform.stack import Stack
from tests.e2e.samples import Outcome, deposit_sample

pytestmark = pytest.mark.long

SAMPLES = Path(os.environ.get("DMP_SAMPLES", Path(__file__).parents[3] / "shared" / "samples")) / "cda"
REASONS = {
    ("file", "ins-missing"),
    ("opening", "ins-key-wrong"),
    ("deposit", "traits-mismatch"),
    ("deposit", "unique-id-taken"),
    ("deposit", "replaced-document-unknown"),
}


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the published samples are not at hand")
async def test_every_published_cda_is_published_or_refused_for_a_flaw_that_it_has(stack: Stack, dmp: Dmp) -> None:
    credentials = endpoints.read(stack.layout)["credentials"]
    administrator, hospital = session_of(dmp, credentials, "administrator"), session_of(dmp, credentials, HOSPITAL)
    documents = [(path.name, path.read_bytes()) for path in sorted(SAMPLES.glob("*.xml"))]
    outcomes: list[Outcome] = [
        await deposit_sample(name, content, administrator, hospital) for name, content in documents
    ]
    refused = [outcome for outcome in outcomes if outcome.code != "published"]
    for outcome in refused:
        print(f"{outcome.name}: {outcome.step}: {outcome.code}")
    assert {(outcome.step, outcome.code) for outcome in refused} <= REASONS
    assert len(refused) < len(outcomes) / 2
