"""Listeners of a broker for tests, besides its own."""

from tests.infra.platform.certificates import CertificateFiles


def with_tls_listener(properties: str, name: str, address: str, server: CertificateFiles) -> str:
    """Returns a broker's properties with a listener for names and passwords over TLS. `name`: in capitals."""
    values = dict(line.split("=", 1) for line in properties.splitlines())
    for setting in ("listeners", "advertised.listeners"):
        values[setting] += f",{name}://{address}"
    values["listener.security.protocol.map"] += f",{name}:SASL_SSL"
    values |= {
        f"listener.name.{name.lower()}.scram-sha-512.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ),
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(server.both),
    }
    return "".join(f"{setting}={value}\n" for setting, value in values.items())
