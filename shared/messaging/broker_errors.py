"""Why no broker can be used, in words and with the settings concerned: the client itself only says that it failed."""

import logging
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from aiokafka.errors import (
    AuthenticationFailedError,
    KafkaConnectionError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)

from shared.errors import TransientError
from shared.runtime.settings import KafkaSettings

_CLIENT = logging.getLogger("aiokafka")


class BrokerUnreachableError(TransientError):
    """No broker can be used now. `settings`: what an operator can change. `is_refusal`: a broker answered, and
    refused."""

    code = "broker-unreachable"

    def __init__(self, reason: str, *settings: str, is_refusal: bool = False) -> None:
        super().__init__(reason)
        self.settings = settings
        self.is_refusal = is_refusal


class _Causes(logging.Handler):
    """Keeps the errors that the client logs while it tries the brokers; it raises none of them."""

    def __init__(self) -> None:
        super().__init__(level=logging.WARNING)
        self.errors: list[BaseException] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps the error of one broker."""
        arguments = record.args if isinstance(record.args, tuple) else ()
        self.errors += [argument for argument in arguments if isinstance(argument, BaseException)]


@contextmanager
def explained_broker_errors(settings: KafkaSettings) -> Iterator[None]:
    """Turns the client's failure to reach any broker into a BrokerUnreachableError that says why."""
    causes = _Causes()
    _CLIENT.addHandler(causes)
    try:
        yield
    except KafkaConnectionError as error:
        raise _explained(causes.errors[-1] if causes.errors else error, settings) from error
    finally:
        _CLIENT.removeHandler(causes)


def _explained(cause: BaseException, settings: KafkaSettings) -> BrokerUnreachableError:
    place = settings.bootstrap
    match cause:
        case AuthenticationFailedError() | SaslAuthenticationFailed():
            reason = f"{place} refuses {settings.username}: wrong password, or unknown user"
            return BrokerUnreachableError(reason, "KAFKA__USERNAME", "KAFKA__PASSWORD", is_refusal=True)
        case UnsupportedSaslMechanismError():
            reason = f"{place} does not offer SCRAM-SHA-512"
            return BrokerUnreachableError(reason, "KAFKA__BOOTSTRAP", is_refusal=True)
        case ssl.SSLCertVerificationError():
            reason = f"the certificate of {place} cannot be verified"
            return BrokerUnreachableError(reason, "KAFKA__BOOTSTRAP", is_refusal=True)
        case socket.gaierror():
            return BrokerUnreachableError(f"the name in {place} cannot be resolved", "KAFKA__BOOTSTRAP")
        case ConnectionRefusedError():
            return BrokerUnreachableError(f"nothing listens on {place}", "KAFKA__BOOTSTRAP")
        case OSError() if not isinstance(cause, TimeoutError):
            return BrokerUnreachableError(f"nothing can be reached at {place}", "KAFKA__BOOTSTRAP")
    reason = f"{place} ends the connection: it may be no broker, or want TLS or a user"
    return BrokerUnreachableError(reason, "KAFKA__BOOTSTRAP", "KAFKA__USERNAME")
