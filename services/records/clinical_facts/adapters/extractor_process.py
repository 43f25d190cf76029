"""The process in which documents are read: `python -m services.records.clinical_facts.adapters.extractor_process`.

It reads requests from its standard input and writes replies to its standard output. It has no key, no connection and no
environment, and limits its own memory and time: whatever a document does, it does to this process alone.
"""

import gc
import itertools
import math
import resource
import sys
import time
import traceback
from typing import BinaryIO, Final

from services.records.clinical_facts.adapters.extractor_messages import (
    ENCODER,
    LENGTH,
    READY,
    REQUESTS,
    ExtractionReply,
    ExtractionRequest,
    frame,
)
from services.records.clinical_facts.domain.codec import by_group, encode_block
from services.records.clinical_facts.domain.extraction import extract
from shared.cda.summary import CdaSummary

MEMORY: Final = 512 * 1024 * 1024
"""Bytes of address space."""
CPU_S: Final = 2.0
"""CPU seconds for one document; the reading then ends with what was read."""
HARD_CPU_S: Final = 4
"""CPU seconds for one document at which the kernel ends the process."""
LOOK_EVERY: Final = 64
"""Statements of a document after which the clock is looked at."""
COLLECT_EVERY: Final = 500
"""Documents after which garbage is looked for: an error may leave some."""
NO_HEADER: Final = ExtractionReply("none")


def read(request: ExtractionRequest) -> ExtractionReply:
    """Returns what was read out of the document; an error of the extractor is a reply, too."""
    end = time.process_time() + CPU_S
    headers: list[CdaSummary] = []

    def note_header(header: CdaSummary) -> bool:
        headers.append(header)
        return True

    calls = itertools.count(1)

    def is_over() -> bool:  # the clock of a process costs a call of the system
        return next(calls) % LOOK_EVERY == 0 and time.process_time() > end

    try:
        extraction = extract(
            request.content, request.content_type, request.document_id, is_over=is_over, is_of_patient=note_header
        )
    except Exception as error:  # the process goes on with the next document
        return ExtractionReply("unreadable", "extractor-failed", error=type(error).__name__, place=_place_of(error))
    blocks: dict[str, bytes] = {"summary": encode_block((), text_only=extraction.text_only)}
    for group, facts in by_group(extraction.facts).items():
        blocks[group] = encode_block(facts, text_only=extraction.text_only if group == "summary" else 0)
    header = headers[0] if headers else NO_HEADER
    return ExtractionReply(extraction.outcome, extraction.reason, blocks, header.ins, header.traits)


def serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Answers requests until their end."""
    replies.write(frame(READY))
    replies.flush()
    for number in itertools.count(1):
        head = requests.read(LENGTH.size)
        if len(head) < LENGTH.size:
            return
        request = REQUESTS.decode(requests.read(*LENGTH.unpack(head)))
        _limit_cpu()
        replies.write(frame(ENCODER.encode(read(request))))
        replies.flush()
        if number % COLLECT_EVERY == 0:
            gc.collect()


def _limit_cpu() -> None:
    """Lets the kernel end the process HARD_CPU_S from now, also where nobody waits for it any more."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(time.process_time()) + HARD_CPU_S, hard))


def _place_of(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else ""


def main() -> None:
    """Limits the process, and serves. Reading makes no cycles, so that looking for some would cost a sixth of it."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    gc.freeze()
    gc.disable()
    serve(sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()
