"""French and English names of common analyses and measures, by their LOINC code."""

from dataclasses import dataclass
from functools import cache

from shared.terminology.tables import rows


@dataclass(frozen=True, slots=True)
class AnalysisName:
    """The name of an analysis or a measure in both languages."""

    french: str
    english: str


def analysis_name(loinc: str) -> AnalysisName | None:
    """Returns the names that the table has for a LOINC code; None for other analyses, which documents name."""
    return _names().get(loinc)


@cache
def _names() -> dict[str, AnalysisName]:
    return {row["code"]: AnalysisName(row["name_fr"], row["name_en"]) for row in rows("analyses")}
