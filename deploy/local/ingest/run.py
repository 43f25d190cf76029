"""Sends files in parallel; what was accepted before is not sent again, and an overloaded door is tried again."""

import asyncio
import hashlib
import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from deploy.local.demo.client import FHIR, RefusedError, Session, UnreachableError
from deploy.local.ingest.accepted import AcceptedFiles
from deploy.local.ingest.kinds import Item, Kind, items_of
from deploy.local.ingest.report import Line, Outcome, Report
from deploy.local.platform.errors import LocalError
from deploy.local.platform.mllp import send_message

MAX_FILE_BYTES: Final = 64 * 1024 * 1024
_TRIES: Final = 6
_LONGEST_WAIT_S: Final = 60
_BUSY: Final = frozenset({408, 429, 503})
_DOORS: Final = {
    Kind.CDA: ("/cda", {"content-type": "text/xml"}),
    Kind.XDM: ("/xdm", {"content-type": "application/zip"}),
    Kind.BUNDLE: ("/fhir", FHIR),
}
_UNUSABLE: Final = {
    Kind.MAIL: ("no-archive", "The mail has no XDM archive that can be read here. Take its documents out of it."),
    Kind.UNKNOWN: ("not-recognised", "This is no CDA, XDM archive, Bundle, mail or HL7 v2 message: no door takes it."),
}
Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Ingestion:
    """A run. `listener`: host and port of the MLLP listener, if any. `wait_s`: how long publication is awaited."""

    session: Session
    accepted: AcceptedFiles
    report: Report
    listener: tuple[str, int] | None = None
    wait_s: int = 0
    sleep: Sleep = asyncio.sleep

    async def send_all(self, paths: Sequence[Path], parallel: int, on_file: Callable[[], None]) -> None:
        """Sends the files. Raises UnreachableError or MllpError when a door stays silent: a later run goes on."""
        waiting = iter(paths)

        async def work() -> None:
            for path in waiting:
                await self._send_file(path)
                on_file()

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(parallel):
                    group.create_task(work())
        except ExceptionGroup as errors:
            raise next((error for error in errors.exceptions if isinstance(error, LocalError)), errors) from None

    async def _send_file(self, path: Path) -> None:
        line = Line(str(path), 1, Kind.UNKNOWN, "", Outcome.UNUSABLE)
        try:
            items = await asyncio.to_thread(_read, path)
        except OSError as error:
            advice = f"The file cannot be read: {(error.strerror or 'unknown error').lower()}."
            self.report.add(replace(line, cause="file-unreadable", what_to_do=advice))
            return
        if items is None:
            advice = f"No door takes more than {MAX_FILE_BYTES} bytes. Send the documents one by one."
            self.report.add(replace(line, cause="file-too-large", what_to_do=advice))
            return
        for item, digest in items:
            line = Line(str(path), item.number, item.kind, digest, Outcome.ALREADY)
            if digest not in self.accepted:
                line = await self._send(item, line)
            if line.outcome in (Outcome.ACCEPTED, Outcome.PUBLISHED):
                self.accepted.add(digest)
            self.report.add(line)

    async def _send(self, item: Item, line: Line) -> Line:
        match item.kind:
            case Kind.CDA | Kind.XDM | Kind.BUNDLE:
                return await self._send_over_http(item, line)
            case Kind.HL7_V2:
                return await self._send_over_mllp(item, line)
            case Kind.MAIL | Kind.UNKNOWN:
                cause, advice = _UNUSABLE[item.kind]
                return replace(line, outcome=Outcome.UNUSABLE, cause=cause, what_to_do=advice)

    async def _send_over_http(self, item: Item, line: Line) -> Line:
        door, headers = _DOORS[item.kind]
        headers = headers | ({"prefer": f"wait={self.wait_s}"} if self.wait_s else {})
        try:
            answer = await self._try("POST", door, content=item.content, headers=headers)
            place = str(answer.headers["location"])
            line = replace(line, outcome=Outcome.ACCEPTED, deposit_id=place.rpartition("/")[2])
            return _decided(line, (await self._try("GET", place)).json()) if self.wait_s else line
        except RefusedError as error:
            return replace(line, outcome=Outcome.REFUSED, cause=error.code, what_to_do=error.detail)

    async def _try(self, method: str, path: str, **options: Any) -> Any:
        """Sends a request, and again while the door is silent or says that it is busy. Raises RefusedError,
        UnreachableError."""
        for attempt in range(1, _TRIES + 1):
            try:
                return await self.session.call(method, "records", path, **options)
            except UnreachableError:
                if attempt == _TRIES:
                    raise
                await self.sleep(2.0 ** (attempt - 1) / 2)
            except RefusedError as error:
                if error.status not in _BUSY or attempt == _TRIES:
                    raise
                await self.sleep(min(error.retry_after or 2.0**attempt, _LONGEST_WAIT_S))
        raise AssertionError

    async def _send_over_mllp(self, item: Item, line: Line) -> Line:
        if self.listener is None:
            advice = "HL7 v2 goes over MLLP: name the listener with --mllp HOST:PORT (see endpoints.json)."
            return replace(line, outcome=Outcome.NOT_SENT, cause="mllp-listener-missing", what_to_do=advice)
        acknowledgement = await send_message(*self.listener, item.content)
        if acknowledgement.is_accepted:
            return replace(line, outcome=Outcome.ACCEPTED)
        cause = " ".join((acknowledgement.code, *acknowledgement.errors))
        advice = "The codes of the acknowledgement are in docs/hl7v2.md."
        return replace(line, outcome=Outcome.REFUSED, cause=cause, what_to_do=advice)


def _read(path: Path) -> list[tuple[Item, str]] | None:
    """Returns the items of a file with the SHA-256 of each; None where it is too large to be sent."""
    if path.stat().st_size > MAX_FILE_BYTES:
        return None
    return [(item, hashlib.sha256(item.content).hexdigest()) for item in items_of(path.read_bytes())]


def _decided(line: Line, progress: dict[str, Any]) -> Line:
    """Returns the line with what has become of the documents of its deposit."""
    reasons = [document["reason"] for document in progress["documents"] if document["status"] == "refused"]
    if reasons:
        advice = f"The patient's choices or rights refuse it: see `dmp track {line.deposit_id}`."
        return replace(line, outcome=Outcome.REFUSED, cause=str(reasons[0]), what_to_do=advice)
    is_published = all(document["status"] == "published" for document in progress["documents"])
    return replace(line, outcome=Outcome.PUBLISHED) if is_published else line


def files_under(places: Sequence[Path]) -> Iterator[Path]:
    """Yields the files of folders and their folders, in order, without hidden ones and links; and files as named."""
    for place in places:
        if not place.is_dir():
            yield place
            continue
        for folder, folders, names in os.walk(place):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            paths = (Path(folder, name) for name in sorted(names) if not name.startswith("."))
            yield from (path for path in paths if path.is_file() and not path.is_symlink())
