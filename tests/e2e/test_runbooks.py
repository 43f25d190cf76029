"""The commands and queries of the runbooks work on a running installation, exactly as written."""

import asyncio
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from deploy.local.platform.stack import Stack
from shared.contracts.declarations import SERVICES
from shared.messaging.topics.grants import OPS
from tests.infra.deploy.prometheus import PROMETHEUS, RULES, prometheus
from tests.infra.deploy.runbooks import PAGES, ROOT, blocks
from tests.infra.platform.waiting import eventually

pytestmark = pytest.mark.long

TRIED_FOR_S = 30.0
PROGRAMS = {".venv/bin/dmp": f"{sys.executable} -m deploy.local", ".venv/bin/python": sys.executable}


async def run(command: str, environment: Mapping[str, str]) -> tuple[int | None, str]:
    """Returns exit code and output of a line of a shell."""
    line = re.sub(r"\.venv/bin/(?:dmp|python)\b", lambda written: PROGRAMS[written[0]], command)
    shell = await asyncio.create_subprocess_exec(
        *("bash", "-euc", line),
        cwd=ROOT,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await shell.communicate()
    return shell.returncode, output.decode()


async def check(page: str, command: str, environment: Mapping[str, str]) -> None:
    """Runs a command until it works: a broker that has just started may ask clients to try again."""
    outputs: list[str] = []

    async def works() -> bool:
        code, output = await run(command, environment)
        outputs.append(output)
        return code == 0

    try:
        await eventually(works, seconds=TRIED_FOR_S)
    except AssertionError:
        pytest.fail(f"{page}: {command}: {outputs[-1][-1000:]}")
    assert "Traceback" not in outputs[-1]


async def test_every_command_works(stack: Stack) -> None:
    login = stack.kafka.credentials(OPS)
    environment = {
        **os.environ,
        **{name: value for service in SERVICES for name, value in stack.services.variables(service).items()},
        "DMP_VAR": str(stack.layout.folder),
        "TOPICS_KAFKA__BOOTSTRAP": stack.kafka.bootstrap,
        "TOPICS_KAFKA__USERNAME": login.username,
        "TOPICS_KAFKA__PASSWORD": login.password,
        "TOPICS_KAFKA__PROFILE": "local",
    }
    commands = {line: page.stem for page in PAGES for block in blocks(page, "sh") for line in block.splitlines()}
    assert len(commands) >= 12
    for command, page in commands.items():
        await check(page, command, environment)


@pytest.mark.skipif(PROMETHEUS is None, reason="Prometheus is absent; Debian's package prometheus has it")
async def test_every_query_is_one_that_prometheus_answers(stack: Stack, tmp_path: Path) -> None:
    queries = {query: page.stem for page in PAGES for query in blocks(page, "promql")}
    assert len(queries) >= len(PAGES)
    async with prometheus(stack, tmp_path, sorted(RULES.glob("*.yaml"))) as watching:
        assert [(page, query) for query, page in queries.items() if await watching.query(query) is None] == []
