"""The access rules: facts in, `Permit` or `Refusal` out. Pure and total; an unknown fact leads to a refusal."""

from shared.access.decide import KEPT, RELEASES, RULES_VERSION, decide
from shared.access.facts import Facts, Permit, Refusal, blocked_of
from shared.access.facts_codec import EncodedFacts, decode_facts, encode_facts

__all__ = [
    "KEPT",
    "RELEASES",
    "RULES_VERSION",
    "EncodedFacts",
    "Facts",
    "Permit",
    "Refusal",
    "blocked_of",
    "decide",
    "decode_facts",
    "encode_facts",
]
