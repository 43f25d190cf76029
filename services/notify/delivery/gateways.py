"""The interface between notify and the outside: implemented by mail servers and by folders."""

from typing import Protocol

from services.notify.domain import GatewayAnswer, OutgoingMessage


class Gateway(Protocol):
    """Delivers messages, one at a time. A message may come twice with one id; its recipient should receive it once."""

    async def send(self, message: OutgoingMessage) -> GatewayAnswer:
        """Delivers one message. Returns every failure as an answer and raises nothing."""

    def close_if_idle(self, seconds: float) -> None:
        """Releases what has been idle for so many seconds. The delivery loop calls this while its queue is empty."""

    def close(self) -> None:
        """Closes at once, without a goodbye to the server; a later `send` opens the gateway again."""
