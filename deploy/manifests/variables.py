"""The services' settings on a cluster: variables of a ConfigMap, and secrets as files.

No variable holds a secret: `<NAME>_FILE` names the file of a mounted Secret. What an installation changes (hosts, the
mail server, the names that people read) an overlay merges over these values.
"""

from typing import Final

from pydantic import BaseModel

from deploy.settings_classes import settings_class
from shared.contracts.declarations import Service

SECRETS: Final = "/run/dmp/secrets"
"""The folder of a service's secrets and of the authorities that certify its servers."""
SERVICE_FILE: Final = "pg_service.conf"
"""The connection of PostgreSQL's own programs, under the name `database`: its key in a Secret, and the file's name."""
CARDS: Final = "/run/dmp/cards"
"""The folder of identity's authorities of cards and of certificates of organisations."""
MLLP: Final = "/run/dmp/mllp"
"""The folder of records' certificate for HL7 v2 and of the authorities of its senders."""
TLS: Final = "/run/dmp/tls"
"""The folder of a process's own certificate, and of the authority that certified it and the edge."""
OUTGOING: Final = "/var/spool/dmp"
ERASURES: Final = f"{OUTGOING}/erasures"
"""The folder of SMS and letters that notify hands over to the gateways."""
DOMAIN: Final = "dmp.example"
OPERATOR_LOGIN: Final = "dmp-operator-role"
"""The Secret with the name and password of the operators' role of the databases."""
HTTP_PORT, METRICS_PORT, WORKER_PORT, MLLP_PORT = 8080, 9100, 8081, 2575
KAFKA_PORT, POSTGRES_PORT = 9093, 5432
EDGE_HTTPS_PORT, EDGE_CARDS_PORT, EDGE_OPERATORS_PORT, MONITOR_PORT = 10443, 10444, 10445, 9903
"""The ports of the edge's pods; 443, 8443, 9443 and 2575 of its Service lead to them."""
_CARD_FILES: Final = ("roots", "persons", "organisations", "revocations")


def cluster_name(service: Service) -> str:
    """Returns the name of the cluster of PostgreSQL that a service has for itself."""
    return f"{service}-db"


def variables_of(service: Service) -> dict[str, str]:
    """Returns the environment of a service's processes, by full name."""
    common = {
        "POSTGRES__DSN_FILE": f"{SECRETS}/postgres-dsn",
        "KAFKA__BOOTSTRAP": f"dmp-kafka-bootstrap:{KAFKA_PORT}",
        "KAFKA__SECURITY": "sasl_ssl",
        "KAFKA__USERNAME": service,
        "KAFKA__PASSWORD_FILE": f"{SECRETS}/kafka-password",
        "KAFKA__CA_FILE": f"{SECRETS}/kafka-ca.crt",
        "KAFKA__PROFILE": "national",
        "HTTP__HOST": "0.0.0.0",  # in the pod's own network; a NetworkPolicy says who reaches it
        "HTTP__PORT": str(HTTP_PORT),
        "METRICS__HOST": "0.0.0.0",
        "METRICS__PORT": str(METRICS_PORT),
        "WORKER__HOST": "0.0.0.0",
        "WORKER__PORT": str(WORKER_PORT),
        "TOKENS__ISSUER": f"https://identity.{DOMAIN}",
        "TOKENS__JWKS_URL": f"https://identity.{DOMAIN}/.well-known/jwks.json",
        **{f"{setting}_FILE": f"{SECRETS}/{file}" for setting, file in key_files(service).items()},
        **_own(service),
    }
    return {f"{service.upper()}_{name}": value for name, value in common.items()}


def api_variables(service: Service) -> dict[str, str]:
    """Returns the variables that an API alone has: its TLS, and whom it believes who the client is."""
    return {**_tls(service, "HTTP"), f"{service.upper()}_HTTP__PROXY_AUTHORITIES_FILE": f"{TLS}/ca.crt"}


def worker_variables(service: Service) -> dict[str, str]:
    """Returns the variables that the processes beside the API have alone: the TLS of their port of operations."""
    return _tls(service, "WORKER")


def _tls(service: Service, section: str) -> dict[str, str]:
    files = {"CERTIFICATE_FILE": "tls.crt", "KEY_FILE": "tls.key"}
    return {f"{service.upper()}_{section}__{name}": f"{TLS}/{file}" for name, file in files.items()}


def key_files(service: Service) -> dict[str, str]:
    """Returns the settings that hold keys and other secrets of a service alone -> the file's name, which is also the
    key in its Secret."""
    field = settings_class(service).model_fields.get("keys")
    section = field.annotation if field else None
    names = list(section.model_fields) if isinstance(section, type) and issubclass(section, BaseModel) else []
    files = {f"KEYS__{name.upper()}": name.replace("_", "-") for name in names}
    match service:
        case "identity":
            professionals = ("motives", "edge_keys", "psc_secret")
            files |= {f"PROFESSIONALS__{name.upper()}": name.replace("_", "-") for name in professionals}
        case "notify":
            files |= {f"SMTP__{name.upper()}": f"smtp-{name}" for name in ("password",)}
    return files


def _own(service: Service) -> dict[str, str]:
    """Returns the variables that only this service has."""
    match service:
        case "identity":
            return {
                "ERASURES__FOLDER": ERASURES,
                "PROFESSIONALS__PSC_ISSUER": f"https://psc.{DOMAIN}",
                "PROFESSIONALS__PSC_CLIENT_ID": "dmp",
                "PROFESSIONALS__PSC_REDIRECT_URI": f"https://identity.{DOMAIN}/professionals/callback",
                "PROFESSIONALS__PSC_PAGES_URI": f"https://dossier.{DOMAIN}/session/pro-sante-connect",
                **{f"PROFESSIONALS__CARD_{name.upper()}": f"{CARDS}/{name}.pem" for name in _CARD_FILES},
            }
        case "records":
            return {
                "MLLP__HOST": "0.0.0.0",
                "MLLP__PORT": str(MLLP_PORT),
                "MLLP__CERTIFICATE": f"{MLLP}/tls.crt",
                "MLLP__KEY": f"{MLLP}/tls.key",
                "MLLP__CLIENT_AUTHORITIES": f"{MLLP}/senders.crt",
                "CERTIFICATES__ISSUER": f"https://records.{DOMAIN}/certificates",
            }
        case "notify":
            return {
                "SMTP__HOST": f"smtp.{DOMAIN}",
                "SMTP__PORT": "465",
                "SMTP__SECURITY": "tls",
                "SMTP__SENDER": f"no-reply@{DOMAIN}",
                "SMTP__USERNAME": "dmp",
                "SERVICE__NAME": "DMP",
                "SERVICE__SENDER_NAME": "DMP",
                "SERVICE__SITE": DOMAIN,
                "SERVICE__TELEPHONE": "01 99 00 00 00",  # a number that ARCEP keeps for fiction
                "FOLDERS__SMS": f"{OUTGOING}/sms",
                "FOLDERS__LETTERS": f"{OUTGOING}/letters",
                "GATEWAYS__SMS_CERTIFICATE_FILE": f"{SECRETS}/sms-gateway.pem",
                "GATEWAYS__LETTERS_CERTIFICATE_FILE": f"{SECRETS}/letters-gateway.pem",
            }
        case _:
            return {}


def environment_file(service: Service) -> str:
    """Returns the text from which Kustomize makes the service's ConfigMap."""
    lines = [f"{name}={value}" for name, value in variables_of(service).items()]
    return "# Generated by `python -m deploy.generate` from deploy/manifests/variables.py.\n" + "\n".join(lines) + "\n"
