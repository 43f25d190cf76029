"""What a depositor may learn of a deposit."""


def disclosed_reason(reason: str) -> str:
    """Returns a refusal's reason for the depositor: a block looks like any opposition (only TD0.2 discloses it)."""
    return "consent-opposed" if reason == "blocked" else reason
