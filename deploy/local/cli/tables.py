"""Prints tables in which every value stands whole, and every id in one piece, whatever the width of the terminal."""

import sys
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

_STYLES = {
    **dict.fromkeys(("published", "permitted", "sent", "healthy", "in-force"), "green"),
    **dict.fromkeys(("refused", "not healthy"), "red"),
    **dict.fromkeys(("received", "on-its-way"), "yellow"),
}
_UNBOUNDED = 10_000
_ID_WIDTH, _NARROWEST, _GAP = 36, 10, 3


def print_table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Prints a table on standard output.

    Outside of a terminal each row is one line. In a terminal that is too narrow, values are folded, never cut; where
    ids would have to be folded too, each row is printed as a block with one line for each value.
    """
    cells = [[cell_of(cell) for cell in row] for row in rows]
    console = Console() if sys.stdout.isatty() else Console(width=_UNBOUNDED)
    id_columns = {number for row in cells for number, cell in enumerate(row) if _is_id(cell)}
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", show_edge=False, pad_edge=False)
    for number, heading in enumerate(headings):
        table.add_column(heading, overflow="fold", no_wrap=number in id_columns)
    for row in cells:
        table.add_row(*(_styled(cell) for cell in row))
    others = len(headings) - len(id_columns)
    needed = len(id_columns) * (_ID_WIDTH + _GAP) + others * (_NARROWEST + _GAP)
    natural = Console(width=_UNBOUNDED).measure(table).maximum
    if id_columns and console.width < min(needed, natural):
        _print_blocks(console, headings, cells)
    else:
        console.print(table)


def cell_of(value: object) -> str:
    """Returns the text of a table's cell."""
    match value:
        case None:
            return "-"
        case datetime():
            return f"{value.astimezone():%Y-%m-%d %H:%M:%S}"
        case _:
            return str(value)


def _print_blocks(console: Console, headings: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    width = max(len(heading) for heading in headings)
    for number, row in enumerate(cells):
        if number:
            console.print()
        for heading, cell in zip(headings, row, strict=True):
            console.print(Text(f"{heading:<{width}}  ", "bold"), _styled(cell), sep="", soft_wrap=True)


def _styled(cell: str) -> Text:
    return Text(cell, style=_STYLES.get(cell, ""))


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
