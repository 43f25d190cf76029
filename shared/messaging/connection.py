"""How every client connects to Kafka: the options of aiokafka, FastStream and librdkafka from one section of settings.

A broker's certificate and host name are verified in every client; there is no option to skip that.
"""

import ssl
from typing import Any

from faststream.security import BaseSecurity, SASLScram512

from shared.runtime.settings import KafkaSettings
from shared.runtime.tls import client_context

MECHANISM = "SCRAM-SHA-512"


def ssl_context(settings: KafkaSettings) -> ssl.SSLContext | None:
    """Returns the TLS context that verifies the broker and shows the client's certificate; None without TLS."""
    if not settings.uses_tls:
        return None
    return client_context(settings.ca_file, settings.certificate_file, settings.key_file)


def aiokafka_options(settings: KafkaSettings) -> dict[str, Any]:
    """Returns addresses, TLS and credentials for consumers, producers and admin clients of aiokafka."""
    options: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap,
        "security_protocol": settings.protocol.upper(),
        "ssl_context": ssl_context(settings),
    }
    if settings.uses_sasl:
        options |= {
            "sasl_mechanism": MECHANISM,
            "sasl_plain_username": settings.username,
            "sasl_plain_password": _password(settings),
        }
    return options


def faststream_security(settings: KafkaSettings) -> BaseSecurity:
    """Returns TLS and credentials for a FastStream broker."""
    context = ssl_context(settings)
    if not settings.uses_sasl:
        return BaseSecurity(ssl_context=context)
    return SASLScram512(
        username=settings.username or "",
        password=_password(settings),
        ssl_context=context,
        use_ssl=settings.uses_tls,
    )


def librdkafka_options(settings: KafkaSettings) -> dict[str, Any]:
    """Returns addresses, TLS and credentials for clients of confluent-kafka."""
    options: dict[str, Any] = {
        "bootstrap.servers": settings.bootstrap,
        "security.protocol": settings.protocol.upper(),
    }
    if settings.uses_sasl:
        options |= {
            "sasl.mechanism": MECHANISM,
            "sasl.username": settings.username,
            "sasl.password": _password(settings),
        }
    if settings.uses_tls:
        files = {
            "ssl.ca.location": settings.ca_file,
            "ssl.certificate.location": settings.certificate_file,
            "ssl.key.location": settings.key_file,
        }
        options |= {name: str(path) for name, path in files.items() if path is not None}
        options |= {"enable.ssl.certificate.verification": True, "ssl.endpoint.identification.algorithm": "https"}
    return options


def _password(settings: KafkaSettings) -> str:
    return settings.password.get_secret_value() if settings.password is not None else ""
