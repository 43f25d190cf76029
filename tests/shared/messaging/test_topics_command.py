"""An operator makes and checks the topics of a cluster with one command, which deletes, shrinks and revokes nothing."""

import re
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from shared.contracts.topics import CONSENT_DECISIONS, CONSENT_STATES, GROUPS, IDENTITY_PEOPLE, TOPICS
from shared.messaging.cluster_metadata import fetch_cluster_id
from shared.runtime.settings import KafkaSettings
from tests.infra.messaging.broker import grant_permissions
from tests.infra.messaging.topics_command import ROOT, run, run_alone
from tests.infra.platform.certificates import Authority
from tests.infra.platform.parts import Parts
from tests.infra.platform.tls_servers import TlsKafka
from tests.infra.platform.topics import Topics
from tests.shared.messaging.test_relay import admin_of, delete_topic, set_config

COMMANDS = re.findall(
    r"^\.venv/bin/python -m shared\.messaging\.topics (.*)$",
    (ROOT / "docs" / "operations.md").read_text("utf-8"),
    re.MULTILINE,
)
"""The arguments of the commands in the page for operators, as written there."""
AS_DECLARED = f"{len(TOPICS) + len(GROUPS)} topics and their permissions: as declared"


@pytest.fixture(autouse=True)
def _users(servers: Parts) -> None:
    if not servers.has_acls:
        pytest.skip("this broker has no users")


def admin(kafka: Topics) -> KafkaSettings:
    return kafka.settings("admin")


async def test_the_commands_of_the_page_for_operators_make_a_cluster_of_ones_own_ready(
    broker: TlsKafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = broker.settings("admin")
    (tmp_path / "passwords").write_text("# made by the vault\nidentity = invented-1\nrecords=invented-2\n")
    commands = [command.replace("/etc/dmp", str(tmp_path)) for command in COMMANDS]
    check, make, again = commands
    assert (check, again) == ("--check", "--check")
    before = await run_alone(*check.split(), settings=settings)
    assert before.code == 1
    assert {f"{topic.name}: does not exist" for topic in TOPICS} <= set(before.lines)
    assert {f"{group.dead_letters}: does not exist" for group in GROUPS} <= set(before.lines)
    assert "permission missing: records may WRITE topic records.documents.v1" in before.lines
    made = await run_alone(*make.split(), settings=settings)
    assert (made.code, made.lines[-1]) == (0, AS_DECLARED)
    assert "records.documents.v1: created" in made.lines
    assert "users: passwords set for identity, records" in made.lines
    assert "invented-1" not in str(made)
    after = await run_alone(*again.split(), settings=settings)
    assert (after.code, after.lines) == (0, [AS_DECLARED])
    repeated = await run_alone(*make.split(), settings=settings)
    assert repeated.code == 0
    assert "permissions: 0 granted" in repeated.lines
    assert not [line for line in repeated.lines if "created" in line]
    changed: Any = {"username": "records", "password": "invented-2"}
    assert await fetch_cluster_id(broker.settings("admin", **changed))


async def test_the_settings_that_are_safe_to_change_are_changed(kafka: Topics) -> None:
    await set_config(kafka, CONSENT_DECISIONS.name, "retention.ms", "86400000")
    await set_config(kafka, CONSENT_DECISIONS.name, "segment.ms", "3600000")
    await kafka.put_raw(CONSENT_DECISIONS.name, b"{}", b"key")
    name = kafka.prefix + CONSENT_DECISIONS.name
    checked = await run("--check", "--topics-only", settings=admin(kafka))
    assert checked.code == 1
    assert f"{name}: retention.ms is 86400000, declared is 2592000000" in checked.lines
    assert f"{name}: segment.ms is 3600000, declared is 86400000" in checked.lines
    applied = await run("--apply", "--topics-only", settings=admin(kafka))
    assert (applied.code, applied.lines[:-1]) == (
        0,
        [f"{name}: retention.ms is now 2592000000", f"{name}: segment.ms is now 86400000"],
    )


async def test_what_would_delete_records_is_kept_and_said_with_the_reason(kafka: Topics) -> None:
    states, decisions = kafka.prefix + CONSENT_STATES.name, kafka.prefix + CONSENT_DECISIONS.name
    await set_config(kafka, CONSENT_STATES.name, "cleanup.policy", "delete")
    await set_config(kafka, CONSENT_DECISIONS.name, "retention.ms", "-1")
    for topic in (CONSENT_STATES, CONSENT_DECISIONS):
        await kafka.put_raw(topic.name, b"{}", b"key")
    applied = await run("--apply", "--topics-only", settings=admin(kafka))
    assert applied.code == 1
    [policy] = [line for line in applied.lines if line.startswith(f"{states}: ") and "kept, " in line]
    assert "the topic holds records" in policy
    [retention] = [line for line in applied.lines if line.startswith(f"{decisions}: ") and "kept, " in line]
    assert "a shorter retention deletes" in retention
    checked = await run("--check", "--topics-only", settings=admin(kafka))
    assert f"{states}: cleanup.policy is delete, declared is compact" in checked.lines
    assert f"{decisions}: retention.ms is -1, declared is 2592000000" in checked.lines
    assert len(await kafka.read_raw(CONSENT_STATES.name)) == 1


async def test_an_empty_topic_gets_the_declared_policy(kafka: Topics) -> None:
    await set_config(kafka, IDENTITY_PEOPLE.name, "cleanup.policy", "delete")
    applied = await run("--apply", "--topics-only", settings=admin(kafka))
    assert applied.code == 0
    assert f"{kafka.prefix}{IDENTITY_PEOPLE.name}: cleanup.policy is now compact" in applied.lines


async def test_partitions_are_never_changed(kafka: Topics) -> None:
    name = kafka.prefix + CONSENT_STATES.name
    applied = await run("--apply", "--topics-only", "--profile", "national", *ONE_BROKER, settings=admin(kafka))
    assert applied.code == 1
    [kept] = [line for line in applied.lines if line.startswith(f"{name}: ") and "kept, " in line]
    assert kept.startswith(f"{name}: partitions is 4, declared is 96: kept, the number is fixed for ever")


ONE_BROKER = ("--replication-factor", "1", "--min-insync-replicas", "1")


async def test_a_replication_that_the_cluster_cannot_give_is_said_by_its_own_words(kafka: Topics) -> None:
    await delete_topic(kafka, CONSENT_STATES.name)
    applied = await run("--apply", "--topics-only", "--replication-factor", "3", settings=admin(kafka))
    name = kafka.prefix + CONSENT_STATES.name
    assert applied.code == 1
    refused = [line for line in applied.lines if line.startswith(f"{name}: not created: ")]
    assert ["replicat" in line and line.endswith("--replication-factor, or --profile local.") for line in refused] == [
        True
    ]
    assert f"{name}: does not exist" in applied.lines
    assert f"{kafka.prefix}{CONSENT_DECISIONS.name}: replication factor is 1, declared is 3" in applied.lines


async def test_permissions_beside_the_declared_ones_are_said_and_none_is_revoked(kafka: Topics) -> None:
    everybody = acl("User:billing", "WRITE", kafka.prefix, ResourcePatternType.PREFIXED)
    stranger = acl("User:billing", "READ", kafka.prefix + CONSENT_STATES.name)
    denied = acl("User:consent", "WRITE", kafka.prefix + CONSENT_STATES.name, permission=AclPermissionType.DENY)
    looker = acl("User:billing", "DESCRIBE", kafka.prefix + CONSENT_STATES.name)
    await grant_permissions(admin_of(kafka), everybody, stranger, denied, looker)
    lines = [
        f"permission not declared: billing may READ topic {kafka.prefix}consent.states.v1",
        f"permission not declared: billing may WRITE topic {kafka.prefix}*",
        f"permission not declared: consent may not WRITE topic {kafka.prefix}consent.states.v1",
    ]
    for arguments in (["--apply"], ["--check"]):
        outcome = await run(*arguments, settings=admin(kafka))
        assert outcome.code == 1
        assert [line for line in outcome.lines if line.startswith("permission not declared")] == lines


def acl(
    principal: str,
    operation: str,
    name: str,
    pattern: ResourcePatternType = ResourcePatternType.LITERAL,
    permission: AclPermissionType = AclPermissionType.ALLOW,
) -> AclBinding:
    return AclBinding(ResourceType.TOPIC, name, pattern, principal, "*", AclOperation[operation], permission)


async def test_operations_check_everything_and_change_nothing(kafka: Topics) -> None:
    settings = kafka.settings("ops")
    assert (await run("--check", settings=settings)).code == 0
    await delete_topic(kafka, CONSENT_STATES.name)
    applied = await run("--apply", settings=settings)
    assert applied.code in (1, 75)
    assert f"{kafka.prefix}{CONSENT_STATES.name}: created" not in applied.lines


async def test_a_cluster_that_is_not_proven_is_not_asked(broker: TlsKafka, tmp_path: Path) -> None:
    outcome = await run("--check", settings=broker.settings("admin", ca_file=Authority(tmp_path, "another").file))
    assert outcome.code == 75
    assert "certificate verify failed" in outcome.errors
    assert "Traceback" not in outcome.errors


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 78, "TOPICS_KAFKA__BOOTSTRAP is missing"),
        (
            ("--bootstrap", "kafka.example:9092"),
            78,
            "TOPICS_KAFKA__SECURITY is needed for a broker",
        ),
        (("--bootstrap", "127.0.0.1:1", "--min-insync-replicas", "4"), 2, "cannot exceed --replication-factor"),
        (("--bootstrap", "127.0.0.1:1", "--replication-factor", "0"), 2, "a whole number from 1 on"),
        (("--bootstrap", "127.0.0.1:1", "--passwords", "/nowhere"), 2, "/nowhere"),
        (("--check", "--apply"), 2, "not allowed with"),
    ],
)
async def test_what_is_wrong_with_the_arguments_is_said_in_words(
    arguments: tuple[str, ...], code: int, words: str
) -> None:
    outcome = await run(*arguments)
    assert (outcome.code, words in outcome.errors) == (code, True), outcome.errors
    assert "Traceback" not in outcome.errors


async def test_a_line_of_a_file_of_passwords_that_cannot_be_read_is_named_by_its_number_alone(tmp_path: Path) -> None:
    file = tmp_path / "passwords"
    file.write_text("identity=invented-1\ninvented-2\n")
    outcome = await run("--bootstrap", "127.0.0.1:1", "--passwords", str(file))
    assert outcome.code == 2
    assert "line 2: expected NAME=VALUE" in outcome.errors
    assert "invented" not in outcome.errors
