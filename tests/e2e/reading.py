"""Reads all that operators of a running installation can read: its broker, databases, metrics, logs, files, backups."""

from pathlib import Path

import asyncpg

from deploy.local.platform.paths import REPOSITORY
from deploy.local.platform.stack import Stack
from shared.contracts.declarations import SERVICES
from tests.e2e.command_line import run_command
from tests.infra.platform.parts import USERS, Parts
from tests.infra.platform.topics import client_options
from tests.infra.privacy.places import Places, dump, files, metrics, metrics_urls, processes, tables, topics

COMMANDS = (("status",), ("topics",), ("dlt", "list"), ("offsets", "list"), ("recover", "--check"))


async def read_as_operator(stack: Stack) -> Places:
    """Returns the places. The mail catcher's folder is no place of theirs: it stands for people's own mailboxes.

    The keys of the demonstration's people lie beside their records on one machine: the folder of secrets is left out.
    """
    layout = stack.layout
    places = await topics(client_options(parts_of(stack), "admin"))
    for service in SERVICES:
        connection = await asyncpg.connect(stack.postgres.dsn(service))
        try:
            places |= await tables(connection, service)
        finally:
            await connection.close()
        places |= await dump(stack.postgres.dsn(service), service)
    places |= await metrics(metrics_urls(stack))
    places |= processes(stack.pids)
    places |= files(layout.folder, besides=(layout.mail, layout.secrets, *disks(stack)))
    for name in ("dashboards", "alerts", "k8s"):
        places |= files(REPOSITORY / "deploy" / name)
    for command in COMMANDS:
        places[f"output of {command}"] = (await run_command(stack, *command, "--json")).stdout.encode()
    return places


def disks(stack: Stack) -> tuple[Path, Path]:
    """Returns the folders of the files of PostgreSQL and Kafka."""
    return stack.postgres.data, stack.layout.kafka


def parts_of(stack: Stack) -> Parts:
    """Returns the servers of an installation, with the passwords of all users of its broker."""
    passwords = {user: stack.kafka.credentials(user).password for user in USERS}
    return Parts(stack.postgres.dsn(), stack.kafka.bootstrap, passwords)
