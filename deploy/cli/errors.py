"""The error of a command; its message is one line that says what to do."""


class LocalError(Exception):
    """An error of this machine, its settings or its installation. The message is one line for a person."""
