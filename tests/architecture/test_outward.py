"""Every outgoing connection of the five services, by name. None leads to the reimbursement side, so that refusing or
closing a record has no effect on reimbursements."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from deploy.settings_classes import settings_class
from shared.contracts import audit, identity, notify
from shared.contracts.base import Event
from shared.contracts.declarations import OUTSIDE_WRITERS, SERVICES
from shared.contracts.insurance import ReimbursementReported
from shared.contracts.topics import (
    ACCESSES,
    ERASURE_ACKNOWLEDGEMENTS,
    FORMER_ACCESSES,
    FORMER_ACKNOWLEDGEMENTS,
    GROUPS,
    INSURANCE_REIMBURSEMENTS,
    RECORDS_REIMBURSEMENT_FEED,
    TOPICS,
)
from shared.messaging.topics.grants import declared_grants

ROOT = Path(__file__).parents[2]

NETWORK = {
    *("aiohttp", "aioftp", "aiokafka", "aiosmtplib", "asyncpg", "boto3", "botocore", "confluent_kafka", "faststream"),
    *("ftplib", "grpc", "http.client", "httplib2", "httpx2", "hl7apy", "imaplib", "kafka", "niquests", "paramiko"),
    *("psycopg", "pycurl", "redis", "requests", "smtplib", "socket", "ssl", "subprocess", "telnetlib", "uvicorn"),
    *("urllib.request", "urllib3", "websockets", "xmlrpc", "zeep", "zmq", "multiprocessing.connection"),
}
OPENERS = {"create_connection", "create_datagram_endpoint", "create_subprocess_exec", "create_subprocess_shell"}
OPENERS |= {"open_connection", "open_unix_connection", "popen", "sock_connect"}

CLIENTS = {
    "services/records/hl7v2/listener.py": {"socket", "ssl"},  # MLLP: it listens, and calls nobody
    "services/records/business_acknowledgements/adapters.py": {
        *("ssl", "call open_connection")  # the listeners of hospitals: whether a document is published
    },
    "services/identity/professionals/adapters.py": {"httpx2"},  # Pro Santé Connect: the sign-in of professionals
    "services/notify/delivery/adapters/smtp.py": {"aiosmtplib", "ssl"},  # mail to patients
    "shared/http/issuer_keys.py": {"httpx2"},  # the keys of identity's own tokens
    "shared/runtime/span_export.py": {"requests", "ssl"},  # spans to the collector of operations
    "shared/db/errors.py": {"ssl"},  # names the error of a server that is not verified
    "shared/messaging/connection.py": {"ssl"},  # the broker
    "shared/runtime/setting_types.py": {"ssl"},  # reads certificates, connects to nothing
    "shared/runtime/tls.py": {"ssl"},  # reads certificates, connects to nothing
    **{  # an operator's command for the broker
        f"shared/messaging/topics/{name}.py": {"confluent_kafka"}
        for name in ("__main__", "admin", "cluster_topics", "permissions", "users")
    },
}
"""Modules that connect to a server other than the service's database and the broker."""

UNCONNECTED = {
    "services/records/clinical_facts/adapters/extractor.py": {
        *("call create_subprocess_exec",)  # the process that reads documents, which is given no keys and no address
    },
    "shared/messaging/broker_errors.py": {"socket", "ssl"},  # the classes of errors
    "shared/service/serving.py": {"socket", "ssl"},  # the types of the socket it listens on and of its TLS
    "shared/service/startup.py": {"socket", "ssl"},  # binds the socket that is listened on
}
"""Modules that name these libraries without connecting to anything."""

OWN = {"asyncpg", "aiokafka", "faststream", "uvicorn"}
"""Drivers of the service's database and the broker, and the server of its API; the addresses come from settings."""

ADDRESSES = {
    "POSTGRES__DSN": "the service's own database",
    "POSTGRES__OWNER_DSN": "the service's own database",
    "KAFKA__BOOTSTRAP": "the broker",
    "TRACING__ENDPOINT": "the collector of operations: times and closed lists of words",
    "HTTP__HOST": "where it listens",
    "HTTP__PORT": "where it listens",
    "METRICS__HOST": "where it listens",
    "METRICS__PORT": "where it listens",
    "WORKER__HOST": "where it listens",
    "WORKER__PORT": "where it listens",
    "MLLP__HOST": "where it listens",
    "MLLP__PORT": "where it listens",
    "TOKENS__ISSUER": "identity",
    "CERTIFICATES__ISSUER": "nobody: certificates name it",
    "TOKENS__JWKS_URL": "identity",
    "PROFESSIONALS__PSC_ISSUER": "Pro Santé Connect",
    "PROFESSIONALS__PSC_REDIRECT_URI": "identity, told to Pro Santé Connect",
    "PROFESSIONALS__PSC_PAGES_URI": "identity's pages, told to Pro Santé Connect",
    "OPENINGS__OBJECTION_URL": "printed in a notice, never called",
    "SMTP__HOST": "the mail relay",
    "SMTP__PORT": "the mail relay",
    "FOLDERS__SMS": "what a gateway takes from",
    "FOLDERS__LETTERS": "what a gateway takes from",
}
_ADDRESS = re.compile(r"^FOLDERS__|(URL|URI|DSN|HOST|PORT|ISSUER|BOOTSTRAP|ENDPOINT|SERVER|ADDRESS|GATEWAY)S?$")

READERS = {
    "identity.records.v1": {"records", "consent", "audit"},
    "identity.people.v1": {"consent", "records", "audit"},
    "identity.contacts.v1": {"notify"},
    "identity.erasures.v1": {"records", "consent", "audit", "notify"},
    "identity.ended-sessions.v1": {"records", "consent", "audit", "notify"},
    **{topic.name: {"identity"} for topic in ERASURE_ACKNOWLEDGEMENTS.values()},
    FORMER_ACKNOWLEDGEMENTS.name: {"identity"},
    **{topic.name: {"audit"} for topic in ACCESSES.values()},
    ACCESSES["records"].name: {"audit", "notify"},
    FORMER_ACCESSES.name: {"audit", "notify"},
    "notify.requests.v1": {"notify"},
}
"""The services that may know that a record was refused, closed or erased. Only the five services may be listed."""

TELLING = (
    identity.RecordChanged,
    identity.PeopleChanged,
    identity.ContactChanged,
    identity.RecordErased,
    identity.ErasureAcknowledged,
    audit.AccessRecorded,
    notify.MessageRequested,
)
INCOMING = {
    "REIMBURSEMENTS__MONTHS",
    INSURANCE_REIMBURSEMENTS.name,
    INSURANCE_REIMBURSEMENTS.key,
    INSURANCE_REIMBURSEMENTS.about,
    RECORDS_REIMBURSEMENT_FEED.name,
    RECORDS_REIMBURSEMENT_FEED.about,
    ReimbursementReported.ce_type,
}
"""What names the reimbursement side because something comes from there. Nothing goes back on the same way."""
_REIMBURSING = re.compile(
    r"reimburs|rembours|\bclaims?\b|claim[-_.]|sesam|feuille|\bfse\b|noemie|\bpayers?\b|cotisation|tiers[-_ ]payant"
    r"|\bamo\b|\bamc\b|mutuelle|insurer",
    re.IGNORECASE,
)


def imported(path: Path) -> Iterator[str]:
    """Yields the modules that a file imports, and the functions by which it opens a connection itself."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module
                yield from (f"{module}.{alias.name}" for alias in node.names)
            case ast.Attribute(value=ast.Name(id="os"), attr="system"):
                yield "call system"
            case ast.Attribute(attr=attr) if attr in OPENERS:
                yield f"call {attr}"
            case _:
                pass


def clients() -> dict[str, set[str]]:
    """Returns which files of the five services can reach the network, and by which means."""
    by_path: dict[str, set[str]] = {}
    for folder in ("services", "shared"):
        for path in (ROOT / folder).rglob("*.py"):
            dependencies = set(imported(path))
            names = {
                name
                for dependency in dependencies
                for name in NETWORK
                if dependency == name or dependency.startswith(f"{name}.")
            }
            names |= {dependency for dependency in dependencies if dependency.startswith("call ")}
            if names - OWN:
                by_path[path.relative_to(ROOT).as_posix()] = names - OWN
    return by_path


def settings_of(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from settings_of(field.annotation, f"{prefix}{name.upper()}__")
        else:
            yield prefix + name.upper(), field.default


def addresses(service: str) -> set[str]:
    """Returns the settings that can contain an address."""
    named = settings_of(settings_class(service))
    return {name for name, default in named if _ADDRESS.search(name) or "://" in str(default)}


def test_every_client_of_another_server_is_named() -> None:
    assert clients() == CLIENTS | UNCONNECTED


@pytest.mark.parametrize("service", SERVICES)
def test_every_setting_that_names_a_place_is_known(service: str) -> None:
    assert addresses(service) <= set(ADDRESSES)


def test_no_place_is_named_that_no_setting_has() -> None:
    assert set().union(*(addresses(service) for service in SERVICES)) == set(ADDRESSES)


def test_nobody_outside_the_five_services_reads_a_topic_and_the_insurance_alone_writes_one() -> None:
    five = set(SERVICES)
    assert {group.service for group in GROUPS} <= five
    for topic in TOPICS:
        if topic is not INSURANCE_REIMBURSEMENTS:
            assert {topic.owner} | topic.former_writers | ({topic.writer} - {None}) <= five, topic.name
    reading = {grant.user for grant in declared_grants() if grant.operation in ("READ", "ALL", "ANY")}
    writing = {grant.user for grant in declared_grants() if grant.operation in ("WRITE", "ALL", "ANY")}
    assert reading <= five
    assert writing <= five | set(OUTSIDE_WRITERS)
    of_insurance = {grant for grant in declared_grants() if grant.user in OUTSIDE_WRITERS}
    assert {(grant.operation, grant.resource) for grant in of_insurance} == {
        (operation, INSURANCE_REIMBURSEMENTS.name) for operation in ("WRITE", "DESCRIBE", "DESCRIBE_CONFIGS")
    }


@pytest.mark.parametrize("event", TELLING)
def test_who_learns_of_refusals_closings_and_erasures_is_named(event: type[Event]) -> None:
    for topic in (topic for topic in TOPICS if event in topic.events):
        readers = {group.service for group in GROUPS if topic in group.topics}
        assert readers == READERS[topic.name]
        assert readers <= set(SERVICES)


def test_no_topic_group_or_setting_leads_to_the_reimbursement_side() -> None:
    topics = [text for topic in TOPICS for text in (topic.name, topic.key, topic.about)]
    groups = [text for group in GROUPS for text in (group.name, group.about)]
    events = [event.ce_type for topic in TOPICS for event in topic.events]
    settings = [name for service in SERVICES for name, _ in settings_of(settings_class(service))]
    named = {text for text in (*topics, *groups, *events, *settings) if _REIMBURSING.search(text)}
    assert named == INCOMING
