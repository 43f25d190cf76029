"""Whatever bytes come, the answer is an acknowledgement: never an error of ours, and nothing of what was sent."""

import base64
import random
import re
from collections import Counter
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest

from services.records.hl7v2.context import Peer
from services.records.hl7v2.usecases import receive_message
from tests.infra.records.cdas import a_cda
from tests.infra.records.hl7v2_messages import Ack, MessageParts
from tests.infra.records.message_mutations import PERSON, SECRET, outcome_of, spoiled_message
from tests.infra.records.mllp import MllpTarget


def mutants(count: int, seed: int = 18) -> Iterator[bytes]:
    source = random.Random(seed)
    return (spoiled_message(source) for _ in range(count))


def test_mutated_messages_are_read_or_refused_by_a_fault() -> None:
    outcomes = Counter(outcome_of(raw) for raw in mutants(2_000))
    assert outcomes["read"] > 20
    assert {"AE 102", "AE 100", "AR 200"} <= outcomes.keys()


async def test_mutated_messages_get_an_acknowledgement_without_what_was_sent(
    record: UUID, mllp: MllpTarget, capfd: pytest.CaptureFixture[str]
) -> None:
    secrets = (SECRET, PERSON.ins, PERSON.birth_name, base64.b64encode(SECRET.encode())[4:-4].decode())
    for raw in mutants(300, seed=19):
        answer = await receive_message.receive_message(mllp.listener.context, Peer(None), raw)
        if answer.acknowledgement is None:
            continue
        acknowledged = Ack(answer.acknowledgement)
        assert acknowledged.code in {"AA", "AE", "AR"}
        err_fields = acknowledged.segments.get("ERR", [])
        assert not any(secret in "|".join(err_fields) for secret in secrets), err_fields
        assert re.search(r"Traceback|Error\b", "|".join(err_fields[7:])) is None
    written = capfd.readouterr()
    assert not any(secret in written.out + written.err for secret in secrets)


async def test_the_same_bytes_of_a_cda_are_one_document_whatever_else_changes(record: UUID, mllp: MllpTarget) -> None:
    content = a_cda(PERSON, uuid4())
    async with mllp.connect() as client:
        for number in range(5):
            message = MessageParts(PERSON, (content,), control_id=f"M-{number}", charset=("8859/15", "")[number % 2])
            assert (await client.send(message.encoded())).answer == "AA"
    assert await mllp.api.pool.fetchval("select count(*) from documents") == 1
