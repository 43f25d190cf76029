"""Folders of the project that tests read."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[3]
DOCUMENTS: Final = ROOT / "tests" / "documents"
EXAMPLES: Final = ROOT / "shared" / "contracts" / "examples"
