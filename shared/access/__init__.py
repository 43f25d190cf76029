"""The access rules: facts in, `Permit` or `Refusal` out. Pure and total; what is not known is refused."""

from shared.access.decide import RULES_VERSION, decide_deposit, decide_read
from shared.access.facts import DepositFacts, Permit, ReadFacts, Refusal

__all__ = ["RULES_VERSION", "DepositFacts", "Permit", "ReadFacts", "Refusal", "decide_deposit", "decide_read"]
