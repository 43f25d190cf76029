"""What stands between notify and the outside: one small interface, filled by a mail server, by folders, by gateways."""

from typing import Protocol

from services.notify.domain import Answer, Parcel


class Gateway(Protocol):
    """Takes one message after the other. A parcel of the same id may come twice and should then be taken once."""

    async def send(self, parcel: Parcel) -> Answer:
        """Hands one message over. Whatever happens is an answer, never an exception."""

    def close_if_idle(self, seconds: float) -> None:
        """Called between rounds: what was not used for so long may be let go."""

    def close(self) -> None:
        """At once, without a word; a later `send` opens it again."""
