"""Loads an operator's table of interactions, which then replaces the built-in one."""

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from services.records.medicines.adapters.text_files import Encoding, TextLine, inspect_file, read_lines
from services.records.medicines.domain.interaction_files import MEMBERS, PAIRS, parse_member, parse_pair
from services.records.medicines.domain.public_files import MedicineLineError
from services.records.medicines.domain.table_loads import Edition, LoadOutcome
from services.records.medicines.steps.load_table import Report, TableFile, load_table, loading
from services.records.medicines.store.interactions import insert_members, insert_pairs
from shared.delimited import Columns, FileHeaderError, Header, read_header, split_cells
from shared.runtime.settings import PostgresSettings

_Line = TypeVar("_Line")


@dataclass(frozen=True, slots=True)
class InteractionImporter:
    """Loads files as the app role."""

    postgres: PostgresSettings

    async def import_files(self, pairs: Path, members: Path, edition: Edition, report: Report) -> LoadOutcome:
        """Loads the pairs, and the members of their groups; the former table is then no longer in use.

        Raises FileHeaderError, TableLoadingError, TableRejectedError, OSError.
        """
        inspected = [await asyncio.to_thread(inspect_file, path) for path in (pairs, members)]
        digest = hashlib.sha256(b"".join(each.digest for each in inspected)).digest()
        sources: list[TableFile[Any]] = [
            _source(pairs, inspected[0].encoding, PAIRS, parse_pair, insert_pairs),
            _source(members, inspected[1].encoding, MEMBERS, parse_member, insert_members),
        ]
        async with loading(self.postgres, "interactions") as pool:
            return await load_table(pool, "interactions", edition, digest, sources, report)


def _source(
    path: Path, encoding: Encoding, columns: Columns, parse: Callable[[dict[str, str]], _Line], store: Any
) -> TableFile[_Line]:
    lines = read_lines(path, encoding)
    header = read_header(_first(lines).text, columns)
    return TableFile(path.name, lines, partial(_parse_cells, header, parse), store)


def _first(lines: Iterator[TextLine]) -> TextLine:
    line = next(lines, None)
    if line is None or line.reason is not None:
        raise FileHeaderError
    return line


def _parse_cells(header: Header, parse: Callable[[dict[str, str]], _Line], text: str) -> _Line:
    cells = split_cells(text, header.delimiter)
    if cells is None or len(cells) != len(header.names):
        raise MedicineLineError("line-malformed")
    return parse({name: cell for name, cell in zip(header.names, cells, strict=True) if name})
