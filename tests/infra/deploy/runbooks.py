"""The pages of `docs/runbooks`, their code blocks, and the alert rules that name them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).parents[3]
FOLDER: Final = ROOT / "docs" / "runbooks"
INDEX: Final = FOLDER / "README.md"
PAGES: Final = sorted(set(FOLDER.glob("*.md")) - {INDEX})
FILES: Final = sorted((ROOT / "deploy" / "alerts").glob("*.yaml"))


def all_rules() -> list[dict[str, Any]]:
    """Returns all rules, recording rules too."""
    return [
        rule for path in FILES for group in yaml.safe_load(path.read_text("utf-8"))["groups"] for rule in group["rules"]
    ]


ALERTS: Final = [rule for rule in all_rules() if "alert" in rule]


def blocks(page: Path, language: str) -> Iterator[str]:
    """Yields the code blocks of a language, without the indentation of a list."""
    for indent, block in re.findall(
        rf"^( *)```{language}\n(.*?)^ *```$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE
    ):
        yield re.sub(rf"^{indent}", "", block, flags=re.MULTILINE).strip()
