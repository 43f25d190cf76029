"""The access rules: facts in, `Permit` or `Refusal` out. Pure and total; what is not known is refused."""

from shared.access.decide import RULES_VERSION, decide
from shared.access.facts import DepositFacts, Facts, Permit, ReadFacts, Refusal
from shared.access.old import decide_deposit, decide_read
from shared.access.telling import Told, facts_from, told

__all__ = [
    "RULES_VERSION",
    "DepositFacts",
    "Facts",
    "Permit",
    "ReadFacts",
    "Refusal",
    "Told",
    "decide",
    "decide_deposit",
    "decide_read",
    "facts_from",
    "told",
]
