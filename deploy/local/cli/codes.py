"""Passwords and codes that a person would type: from the environment, from what this machine caught, or typed."""

import asyncio
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import typer

from deploy.local.cli.commands.common import EXIT_USAGE, fail
from deploy.local.demo import mailbox
from deploy.local.platform.paths import Layout

_PATIENCE_S, _POLL_INTERVAL_S = 20.0, 0.1


def password_of(stated: str | None, variable: str = "DMP_PASSWORD") -> str:
    """Returns the stated password, or asks for it. Exits with 2 without a terminal to ask in."""
    if stated is not None:
        return stated
    if not sys.stdin.isatty():
        fail(EXIT_USAGE, f"give the password in {variable}, for there is no terminal to ask in")
    return str(typer.prompt("Password", hide_input=True, err=True))


async def caught_code(var: Path, to: str, since: datetime) -> str:
    """Returns the code of six digits that this machine has caught for a mail address or a number since a moment.

    Where none comes, it asks for the code; without a terminal to ask in, it exits with 2.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        for code in await asyncio.to_thread(_newest_codes, Layout(var), to, since):
            return code
        await asyncio.sleep(_POLL_INTERVAL_S)
    if not sys.stdin.isatty():
        fail(EXIT_USAGE, f"no code came to {to} within {_PATIENCE_S:.0f} s; look with `dmp mails`")
    return str(await asyncio.to_thread(typer.prompt, "Code", err=True))


def now() -> datetime:
    """Returns the present moment, from which on a code counts."""
    return datetime.now(UTC)


def _newest_codes(layout: Layout, to: str, since: datetime) -> list[str]:
    mails = [mail.text for mail in mailbox.caught_mails(layout.mail, to) if mail.arrived >= since]
    sms = [message.text for message in mailbox.caught_sms(layout, to) if message.arrived >= since]
    return [code for text in (*reversed(mails), *reversed(sms)) for code in mailbox.codes_in(text)[:1]]
