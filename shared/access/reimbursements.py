"""What of a history of reimbursements a caller sees who may read it (`read-reimbursements`).

Sources: L1111-15 (the history is in the record), R1111-40 (legal representatives), L1111-5 and L5134-1 (a minor's care
that parents do not learn of: contraception, abortion).
"""

from typing import Final

from shared.access.facts import Facts

_SEE_AMOUNTS: Final = frozenset({"patient", "representative"})
_SEE_CONFIDENTIAL: Final = frozenset({"patient", "professional"})


def sees_amounts(facts: Facts) -> bool:
    """Whether the caller sees what was paid and reimbursed."""
    return facts.actor_kind in _SEE_AMOUNTS


def sees_confidential_care(facts: Facts) -> bool:
    """Whether the caller learns of confidential care; otherwise it is not counted either."""
    return facts.actor_kind in _SEE_CONFIDENTIAL
