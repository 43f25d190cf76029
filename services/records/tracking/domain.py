"""Limits what a depositor learns about a refused deposit."""


def disclosed_reason(reason: str) -> str:
    """Returns the refusal's reason for the depositor: a block looks like any opposition (only TD0.2 discloses it)."""
    return "consent-opposed" if reason == "blocked" else reason
