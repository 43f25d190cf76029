"""Decides how long a loop lingers to gather work: the longer a round takes, the more work the next one serves."""

LINGER_FACTOR = 4
"""A loop lingers four times as long as its last round took, so that rounds are fewer under load."""


def interval(duration_s: float, shortest: float, longest: float) -> float:
    """Returns the seconds to linger after a round of `duration_s` seconds, within these bounds."""
    return min(max(shortest, LINGER_FACTOR * duration_s), longest)
