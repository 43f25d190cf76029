"""The broker of an installation gets the users that a newer release needs."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka.admin import ScramMechanism, UserScramCredentialDeletion

from deploy.local.platform.kafka import Credentials, admin_client
from deploy.local.platform.topics import make_users
from shared.messaging.cluster_metadata import fetch_cluster_id
from tests.infra.platform.parts import Parts
from tests.infra.platform.topics import Topics


async def test_a_start_creates_the_users_that_an_older_installation_lacks_and_leaves_the_others(
    servers: Parts, kafka: Topics
) -> None:
    if not servers.has_acls:
        pytest.skip("this broker has no users")
    name, admin = f"newcomer-{uuid4().hex[:8]}", Credentials("admin", servers.passwords["admin"])
    bootstrap = servers.kafka_bootstrap
    try:
        await asyncio.to_thread(make_users, bootstrap, admin, {name: "invented", "admin": "another"})
        await asyncio.to_thread(make_users, bootstrap, admin, {name: "later", "admin": "another"})
        signed_in: dict[str, Any] = {"username": name, "password": "invented"}
        assert await fetch_cluster_id(kafka.settings("admin").model_validate(kafka.environment("admin") | signed_in))
    finally:
        deletion = UserScramCredentialDeletion(name, ScramMechanism.SCRAM_SHA_512)
        client = admin_client(bootstrap, admin)
        client.alter_user_scram_credentials([deletion])[name].result(10)
