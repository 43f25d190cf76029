"""How the rules see a measure: like a document of the personal space, masked or not, of whoever entered it."""

from itertools import product
from typing import Final, get_args

from services.records.facts.domain.documents import DepositorKind
from services.records.facts.domain.facts import FactCombination
from shared.access.facts import PATIENT_SIDE
from shared.access.personal_space import ENTRY_TYPES
from shared.terminology.documents import document_types
from shared.terminology.visibility import Confidentiality, Visibility

MEASURE_TYPE: Final = ENTRY_TYPES["measure"]
_STATUSES: Final = {"current": "published", "superseded": "superseded", "deleted": "deleted"}
_DEPOSITORS: Final[tuple[DepositorKind, ...]] = tuple(kind for kind in get_args(DepositorKind) if kind in PATIENT_SIDE)


def labels_of(*, masked: bool) -> frozenset[str]:
    """Returns the labels of a measure. It has no other ones: the list of accesses would tell representatives of a
    measure that was hidden from them."""
    hidden = {Visibility.MASKED.value} if masked else set[str]()
    return frozenset({Confidentiality.NORMAL.value}) | hidden


def combination_of_measure(
    life: str, deposited_by: DepositorKind, *, masked: bool, is_own: bool = False
) -> FactCombination:
    """Returns the facts about a measure. `is_own`: the requester entered it."""
    kind = document_types()[MEASURE_TYPE]
    return FactCombination(
        status=_STATUSES[life],
        type=kind.code,
        class_code=kind.class_code,
        section=kind.section,
        labels=labels_of(masked=masked),
        masked_by="patient" if masked else None,
        shown_to_representatives=False,
        deposited_by=deposited_by,
        in_secret=False,
        is_own=is_own,
    )


def every_combination() -> dict[str, FactCombination]:
    """Returns the combinations that current measures of any record may have, by the store's key.

    The rules decide on all of them, whether or not the record has such a measure. Nobody reads a measure because it is
    the own one, so that this fact is left out.
    """
    return {
        combination_key(masked=masked, deposited_by=kind): combination_of_measure("current", kind, masked=masked)
        for masked, kind in product((False, True), _DEPOSITORS)
    }


def combination_key(*, masked: bool, deposited_by: str) -> str:
    """Returns the key of a combination, which the store builds in the same way."""
    return f"{str(masked).lower()}|{deposited_by}"
