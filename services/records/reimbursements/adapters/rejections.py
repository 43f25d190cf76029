"""`FILE.rejected.csv`: number and code of each rejected line, without its content, readable by its owner only."""

import os
from collections.abc import Sequence
from pathlib import Path


def rejections_of(path: Path) -> Path:
    """Returns where the rejected lines of a file are listed."""
    return path.with_name(f"{path.name}.rejected.csv")


def write_rejections(path: Path, rejected: Sequence[tuple[int, str]], *, is_first: bool) -> None:
    """Writes a page of rejected lines, the first one into a new file. Raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | (os.O_TRUNC if is_first else os.O_APPEND)
    with os.fdopen(os.open(rejections_of(path), flags, 0o600), "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)
        if is_first:
            file.write("line;code\n")
        file.writelines(f"{row};{code}\n" for row, code in rejected)
