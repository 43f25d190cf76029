"""Takes the databases of this release, with rows of every kind, for the test of upgrades.

.venv/bin/python -m tests.upgrades.take

Run it when a release is made; its files replace those of the release before. All people in them are invented, and the
keys that would open their rows are thrown away with the installation.
"""

import gzip
from pathlib import Path

from deploy.local.cli.interruptible import print_progress
from deploy.local.demo.bootstrap import bootstrap
from deploy.local.demo.client import connect
from deploy.local.demo.last_steps import close_record, erase_record
from deploy.local.demo.openings import run_campaign
from deploy.local.demo.script import STEPS
from deploy.local.demo.story import Story
from deploy.local.platform import endpoints
from deploy.local.platform.services import NAMES
from deploy.local.platform.stack import Stack
from tests.infra.platform.commands import run_in_folder, tell
from tests.infra.platform.postgres_tools import run_tool

FOLDER = Path(__file__).parent
LEFT_OUT = (run_campaign, close_record, erase_record)
"""The first makes thousands of equal rows, the others delete what is wanted."""


async def take(folder: Path) -> None:
    """Plays the demonstration in a folder, and writes a dump of each database."""
    async with Stack(folder / "var", report=print_progress) as stack:
        story = Story(stack.layout, tell=lambda _: None)
        story.credentials = await bootstrap(stack.layout)
        async with connect(endpoints.read(stack.layout)) as dmp:
            story.dmp = dmp
            for title, act in STEPS:
                if act not in LEFT_OUT:
                    tell(title)
                    story.step = title
                    await act(story)
        for name in NAMES:
            options = ("--no-owner", "--no-privileges", f"--dbname={stack.postgres.dsn(name)}")
            text = await run_tool("pg_dump", *options)
            (FOLDER / f"{name}.sql.gz").write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    run_in_folder("upgrade", take)
