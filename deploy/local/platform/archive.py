"""Makes a class-data archive (JEP 310) of Apache Kafka, which halves the broker's start. The broker works without it.

The installation runs `python -m deploy.local.platform.archive` once. It fetches the jars, archives the classes of the
Java runtime, runs a throw-away broker, and archives the classes that the broker has loaded.
"""

import asyncio
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from deploy.local.platform import topics
from deploy.local.platform.errors import LocalError, StartError, explain
from deploy.local.platform.jars import ensure_jars
from deploy.local.platform.kafka import class_archive, java_command, prepare_kafka
from deploy.local.platform.paths import Layout
from deploy.local.platform.ports import Ports
from deploy.local.platform.secrets import Secrets
from deploy.local.platform.services import NAMES
from deploy.local.platform.supervisor import Supervisor
from shared.messaging.topics.grants import ADMIN

_DUMP_PATIENCE = 60


async def make_archive(jars: Path) -> None:
    """Makes the archive if it is missing. Raises StartError if the broker does not start."""
    archive = class_archive(jars)
    if archive.exists():
        return
    runtime = archive.with_suffix(".runtime.jsa")
    java = java_command(jars, "none")[0]
    dump = [java, "-Xshare:dump", "-XX:+UseSerialGC", f"-XX:SharedArchiveFile={runtime}"]
    if await asyncio.to_thread(_run, dump) != 0:
        return
    draft = archive.with_suffix(".new")
    with tempfile.TemporaryDirectory(prefix="dmp-") as scratch:
        await _train(Layout(Path(scratch)), (f"-XX:SharedArchiveFile={runtime}", f"-XX:ArchiveClassesAtExit={draft}"))
    if draft.exists():
        draft.rename(archive)


async def _train(layout: Layout, options: tuple[str, ...]) -> None:
    """Runs a broker through everything that a start does, then stops it, which writes the archive."""
    layout.create()
    supervisor = Supervisor(lambda _progress: None)
    with Ports() as ports:
        ports.claim(("kafka", "kafka-controller"), None)
        numbers = (ports["kafka"], ports["kafka-controller"])
        kafka = prepare_kafka(layout, Secrets.load(layout.secrets), numbers, NAMES)
        spec = kafka.spec(layout.log("kafka"))
        java, *arguments = spec.command
        try:
            await supervisor.start(replace(spec, command=(java, *options, *arguments), grace=_DUMP_PATIENCE))
            admin = kafka.credentials(ADMIN)
            await asyncio.to_thread(topics.make_topics, kafka.bootstrap, admin)
        finally:
            await supervisor.stop_all()


def _run(command: list[str]) -> int:
    return subprocess.run(
        command, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ).returncode


def main() -> int:
    """Fetches the jars and makes the archive. Returns the exit code; a missing archive is only a warning."""
    try:
        jars = ensure_jars()
        asyncio.run(make_archive(jars))
    except StartError as error:
        print(f"warning: {error}", file=sys.stderr)
    except LocalError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {explain(error)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
