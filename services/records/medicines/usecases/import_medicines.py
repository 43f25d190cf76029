"""Loads the public medicine files: medicines, packages, substances, and ATC codes of some of them."""

import asyncio
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, get_args
from uuid import UUID

from services.records.medicines.adapters.text_files import Encoding, inspect_file, read_lines
from services.records.medicines.domain.public_files import FileKind, PublicLine, kind_of_file, parse_line
from services.records.medicines.domain.table_loads import Edition, FilesMissingError, LoadOutcome
from services.records.medicines.steps.load_table import Report, TableFile, load_table, loading
from services.records.medicines.store.medicines import insert_lines
from shared.db.pool import Connection
from shared.runtime.settings import PostgresSettings

_KINDS: Final[tuple[FileKind, ...]] = get_args(FileKind)


@dataclass(frozen=True, slots=True)
class MedicineImporter:
    """Loads files as the app role."""

    postgres: PostgresSettings

    async def import_files(self, paths: Iterable[Path], edition: Edition, report: Report) -> LoadOutcome:
        """Loads the four files, given as such or by their folder; the former ones are then no longer in use.

        Raises FilesMissingError, TableLoadingError, TableRejectedError, OSError.
        """
        files = _files_of(paths)
        inspected = {kind: await asyncio.to_thread(inspect_file, files[kind]) for kind in _KINDS}
        digest = hashlib.sha256(b"".join(inspected[kind].digest for kind in _KINDS)).digest()
        sources = [_source(kind, files[kind], inspected[kind].encoding) for kind in _KINDS]
        async with loading(self.postgres, "medicines") as pool:
            return await load_table(pool, "medicines", edition, digest, sources, report)


def _source(kind: FileKind, path: Path, encoding: Encoding) -> TableFile[PublicLine]:
    return TableFile(path.name, read_lines(path, encoding), partial(parse_line, kind), partial(_store, kind))


async def _store(
    kind: FileKind, connection: Connection, table_id: UUID, lines: Sequence[tuple[int, PublicLine]]
) -> None:
    await insert_lines(connection, table_id, kind, [line for _, line in lines])


def _files_of(paths: Iterable[Path]) -> dict[FileKind, Path]:
    """Returns the files by their kind. Raises FilesMissingError where one is missing or stands there twice."""
    listed = [file for path in paths for file in (sorted(path.iterdir()) if path.is_dir() else [path])]
    by_kind: dict[FileKind, Path] = {}
    for file in listed:
        kind = kind_of_file(file.name)
        if kind in by_kind:
            raise FilesMissingError
        if kind is not None:
            by_kind[kind] = file
    if len(by_kind) < len(_KINDS):
        raise FilesMissingError
    return by_kind
