"""Reads documents in a process of their own, which is ended where it does not answer, and started anew."""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import Counter
from typing import Final
from uuid import UUID

from msgspec import MsgspecError

from services.records.clinical_facts.adapters.extractor_messages import (
    ENCODER,
    LENGTH,
    READY,
    REPLIES,
    ExtractionReply,
    ExtractionRequest,
    frame,
)
from shared.errors import TransientError
from shared.runtime.logs import log

MODULE: Final = "services.records.clinical_facts.adapters.extractor_process"
ANSWER_WITHIN_S: Final = 8.0
"""Seconds for an answer. Less CPU time ends the reading before; this is for a machine that has none to give, or a
process that waits for something. It is less than a transaction may wait."""
START_WITHIN_S: Final = 12.0
MOST_STALLS: Final = 3
"""How often a document may be tried that gets no answer."""
_KEPT_VARIABLES: Final = ("PATH", "PYTHONPATH", "LANG")


class ExtractorStalledError(TransientError):
    """The process that reads documents does not answer; it is tried again."""

    code = "extractor-stalled"


class Extractor:
    """Reads one document at a time. The process starts with the first one."""

    def __init__(self, answer_within_s: float = ANSWER_WITHIN_S) -> None:
        self._answer_within_s = answer_within_s
        self._process: Process | None = None
        self._turn = asyncio.Lock()
        self._stalls: Counter[UUID] = Counter()

    @property
    def pid(self) -> int | None:
        """The process id of the reading process, None while there is none."""
        return self._process.pid if self._process is not None else None

    async def extract(self, document_id: UUID, content_type: str, content: bytes) -> ExtractionReply:
        """Returns what was read. A document that ends the process, or stalls it three times, is unreadable.

        Raises ExtractorStalledError before that.
        """
        async with self._turn:
            try:
                reply = await self._exchange(ExtractionRequest(document_id, content_type, content))
            except TimeoutError as error:
                await self.stop()
                self._stalls[document_id] += 1
                if self._stalls[document_id] < MOST_STALLS:
                    raise ExtractorStalledError from error
                reply = ExtractionReply("unreadable", "time-limit")
            except (EOFError, ConnectionError):
                reply = await self._reply_of_dead()
            except MsgspecError as error:
                await self.stop()
                reply = ExtractionReply("unreadable", "extractor-failed", error=type(error).__name__)
            except BaseException:
                await self.stop()  # an answer that nobody reads would be taken for the next one
                raise
        self._stalls.pop(document_id, None)
        if reply.error is not None:
            log("extractor.failed", code=reply.error, place=reply.place)
        return reply

    async def stop(self) -> None:
        """Ends the process."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _exchange(self, request: ExtractionRequest) -> ExtractionReply:
        process = self._process
        if process is None or process.returncode is not None:
            process = await self._start()
        assert process.stdin is not None
        async with asyncio.timeout(self._answer_within_s):
            process.stdin.write(frame(ENCODER.encode(request)))
            await process.stdin.drain()
            return REPLIES.decode(await _read_frame(process))

    async def _start(self) -> Process:
        environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", MODULE, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=environment
        )
        try:
            async with asyncio.timeout(START_WITHIN_S):
                is_ready = await _read_frame(process) == READY
        except (TimeoutError, EOFError) as error:
            await self.stop()
            raise ExtractorStalledError from error
        assert is_ready, "the first frame says so"
        return process

    async def _reply_of_dead(self) -> ExtractionReply:
        """Returns the reply for the document that ended the process."""
        process, self._process = self._process, None
        code = await process.wait() if process is not None else 0
        if code == -signal.SIGXCPU:
            return ExtractionReply("unreadable", "time-limit")
        log("extractor.failed", code=f"ended-{code}")
        return ExtractionReply("unreadable", "extractor-failed")


async def _read_frame(process: Process) -> bytes:
    assert process.stdout is not None
    (length,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
    return await process.stdout.readexactly(length)
