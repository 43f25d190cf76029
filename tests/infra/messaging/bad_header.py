"""Writes a record whose header name is not UTF-8, as other languages' clients can:
`python -m tests.infra.messaging.bad_header`.

The client in C refuses such a name, so this runs in a separate process that uses the Python client. Standard input:
JSON with `options` (of the client), `topic`, `partition`, `key`, `body` and `headers` (name and value).
"""

import asyncio
import json
import os
import sys
from typing import Any

os.environ["AIOKAFKA_NO_EXTENSIONS"] = "1"

from aiokafka import AIOKafkaProducer


class _NotUtf8(str):
    """A name that is encoded to bytes which are not UTF-8."""

    def encode(self, *_: Any, **__: Any) -> bytes:
        return b"\xff\xfe"


async def _send(wanted: dict[str, Any]) -> None:
    headers = [(name, value.encode()) for name, value in wanted["headers"].items()]
    producer = AIOKafkaProducer(**wanted["options"])
    await producer.start()
    try:
        await producer.send_and_wait(
            wanted["topic"],
            wanted["body"].encode(),
            key=wanted["key"].encode(),
            partition=wanted["partition"],
            headers=[*headers, (_NotUtf8("x"), b"1")],
        )
    finally:
        await producer.stop()


if __name__ == "__main__":
    asyncio.run(_send(json.loads(sys.stdin.read())))
