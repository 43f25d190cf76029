"""The official messages get the acknowledgements that they deserve, flawed as some are. Runs where they are present."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from services.consent.choices.steps import copy_records
from services.consent.choices.store import states
from services.consent.collected_consents.steps import judge_consents
from services.records.copies.steps import apply_record_copies
from services.records.hl7v2.domain.patient import required_ins, traits_of_message
from services.records.hl7v2.domain.transmission import documents_of
from shared.cda.xml import check_xml
from shared.contracts.identity import RecordChanged, TraitFingerprints
from shared.contracts.records import CollectedConsentReported, DocumentReceived
from shared.crypto.fingerprints import ins_parts, trait_fingerprints
from shared.db.pool import transaction
from shared.hl7v2.charset import decode
from shared.hl7v2.message import Message
from shared.runtime import clock
from shared.values import Ins, SentTraits, StrictTraits
from tests.conftest import NewPool
from tests.infra.messaging.messages import message
from tests.infra.platform.paths import ROOT
from tests.infra.records.hl7v2_messages import MllpClient
from tests.infra.records.mllp import MllpTarget
from tests.infra.records.records_api import RING, RecordsApi

SAMPLES = Path(os.environ.get("DMP_SAMPLES", ROOT.parent / "shared" / "samples"))
FOLDER = SAMPLES / "hl7v2" / "TRANS_DOC_CDA_HL7V2"
PLACEHOLDER = "AE 102"
V20_MDM, V20_ORU, V21_ORU = "V2.0/MDM", "V2.0/ORU", "V2.1/ORU"
ANSWERS = {
    "V1.2/MDM/message.hl7": PLACEHOLDER,
    "V1.2/ORU/message.hl7": PLACEHOLDER,
    f"{V20_MDM}/Transmission_initiale_MDM/message_MDM_CR_Radio_INIT_N1.er7": PLACEHOLDER,
    f"{V20_MDM}/Transmission_initiale_MDM/message_MDM_CR_Radio_INIT_N1_Base64.er7": "AA",
    f"{V20_MDM}/Remplacement_MDM/message_MDM_CR_Radio_RPLC_N1.er7": PLACEHOLDER,
    f"{V20_MDM}/Suppression_MDM/message_MDM_CR_Radio_DEL_N1.er7": PLACEHOLDER,
    f"{V20_ORU}/Transmission_initiale_ORU/message_ORU_CR_Bio_INIT_N1_N3.hl7": PLACEHOLDER,
    f"{V20_ORU}/Remplacement_ORU/message_ORU_CR_Bio_RPLC_N1_N3.er7": PLACEHOLDER,
    f"{V20_ORU}/Remplacement_ORU/message_ORU_CR_Bio_RPLC_N1_Base64_N3_Base64.er7": "AE 207 900",
    f"{V20_ORU}/Suppression_ORU/message_ORU_CR_Bio_DEL_N1_N3.er7": PLACEHOLDER,
    f"{V20_ORU}/Suppression_ORU/message_ORU_CR_Bio_DEL_N1_Base64_N3_Base64.er7": "AE 207 900",
    f"{V21_ORU}/Transmission_initiale_ORU/message_ORU_CR_Bio_INIT_N1_N3.hl7": PLACEHOLDER,
    f"{V21_ORU}/Remplacement_ORU/message_ORU_CR_Bio_RPLC_N1_N3.er7": PLACEHOLDER,
    f"{V21_ORU}/Remplacement_ORU/message_ORU_CR_Bio_RPLC_N1_Base64_N3_Base64.er7": "AE 207 904",
    f"{V21_ORU}/Suppression_ORU/message_ORU_CR_Bio_DEL_N1_N3.er7": PLACEHOLDER,
    f"{V21_ORU}/Suppression_ORU/message_ORU_CR_Bio_DEL_N1_Base64_N3_Base64.er7": "AE 207 904",
}
"""The answer where the sender is registered and the record of the CDA's patient is open. Placeholder: the payload is a
sentence in base64, no CDA. 904: PID and CDA name different INS. 900: the N3 of the replacement names no target; nothing
was deposited that could be deleted."""
FILES = sorted(path for path in FOLDER.rglob("*") if path.is_file()) if FOLDER.exists() else []

pytestmark = pytest.mark.skipif(not FILES, reason="the official samples are not here")


@pytest.fixture
async def laboratory(mllp: MllpTarget) -> AsyncIterator[MllpClient]:
    await mllp.register(organisation_id="1120459876", applications=("SIL-Y|labo",))
    await mllp.register("radiologie", organisation_id="1300017985", applications=("RIS-Y|Organisation-Y",))
    async with mllp.connect() as client:
        yield client


def content_of(path: Path) -> bytes:
    return path.read_bytes()


def name_of(path: Path) -> str:
    return path.relative_to(FOLDER).as_posix()


async def open_records(api: RecordsApi, raw: bytes) -> None:
    """Opens the record of each patient of the CDAs in a message."""
    decoded = decode(raw)
    for sent in documents_of(Message(decoded.text), raw):
        header = check_xml(sent.content)
        assert header is not None
        [ins] = header.ins
        await open_record(api, ins, header.traits)


async def open_record(api: RecordsApi, ins: Ins, sent: SentTraits) -> RecordChanged:
    """Opens the record of a person with these traits; returns identity's event."""
    traits = StrictTraits(**{name: getattr(sent, name) for name in StrictTraits.__dataclass_fields__})
    record_id = uuid4()
    event = RecordChanged(
        record_id=record_id,
        version=1,
        status="open",
        ins=RING.fingerprint(*ins_parts(ins)),
        traits=TraitFingerprints(**trait_fingerprints(RING, record_id, traits.normalised())),
        opened_at=clock.now(),
    )
    async with transaction(api.pool) as connection:
        await apply_record_copies(api.vault, connection, [message(event)])
    await api.choose(record_id, 1)
    return event


@pytest.mark.parametrize("path", [path for path in FILES if not path.name.startswith("ack")], ids=name_of)
async def test_each_official_message_is_answered(api: RecordsApi, laboratory: MllpClient, path: Path) -> None:
    raw = content_of(path)
    expected = ANSWERS[name_of(path)]
    if expected != PLACEHOLDER:
        await open_records(api, raw)
    answer = await laboratory.send(raw)
    assert answer.answer == expected, answer.raw.decode()
    assert bool(await api.announced(DocumentReceived)) is (expected == "AA")


@pytest.mark.parametrize("path", [path for path in FILES if path.name.startswith("ack")], ids=name_of)
async def test_no_official_acknowledgement_is_answered(laboratory: MllpClient, path: Path) -> None:
    laboratory.writer.write(b"\x0b" + content_of(path) + b"\x1c\r")
    assert (await laboratory.send(b"MSH|^~\\&|")).answer.startswith("AR")


ADMISSIONS = {
    "admission.er7": ("INO", "IC", []),
    "consent/ConsentementConsultation_NonOppositionAlimentation.er7": ("INO", "IC", []),
    "consent/NonConsentementConsultation_OppositionAlimentation.er7": ("IO", "INC", ["1750000001"]),
}
"""What each official admission says, and the objections to deposits that follow. Its stay ended in 2024: an attestation
gives nothing any more."""


@pytest.mark.parametrize("name", ADMISSIONS)
async def test_the_consents_of_each_official_admission_reach_the_choices(
    api: RecordsApi, mllp: MllpTarget, new_pool: NewPool, name: str
) -> None:
    feeding, consultation, objections = ADMISSIONS[name]
    raw = (SAMPLES / "hl7v2" / name).read_bytes()
    await mllp.register("gam", organisation_id="1750000001", applications=("GAM|CHU-X",))
    decoded = decode(raw)
    sent = Message(decoded.text)
    record = await open_record(api, required_ins(sent), traits_of_message(sent))
    async with mllp.connect() as client:
        assert (await client.send(raw)).answer == "AA"
    [report] = await api.announced(CollectedConsentReported)
    assert (report.feeding, report.consultation) == (feeding, consultation)
    consent = await new_pool("consent")
    async with transaction(consent) as connection:
        await copy_records(connection, [message(record)])
        await judge_consents(connection, [message(report)])
    state = await states.find_state(consent, record.record_id)
    assert state is not None
    assert list(state.choices.feeding_objections) == objections
    assert state.choices.authorisations == ()
