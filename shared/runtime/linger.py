"""How long a loop gathers work before it goes on: the longer each round takes, the more each of them serves."""

LINGER_PER_WORK = 4
"""A loop lingers four times as long as its last round took: on a busy machine or under load, rounds are fewer."""


def interval(took: float, shortest: float, longest: float) -> float:
    """Seconds to linger after a round that took so many, within these bounds."""
    return min(max(shortest, LINGER_PER_WORK * took), longest)
