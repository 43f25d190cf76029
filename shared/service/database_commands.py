"""The commands for operators about a service's database and its keys."""

import argparse
import asyncio
import base64
import json
import re
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Container, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path

from joserfc.jwk import ECKey, OKPKey

from shared.crypto.private_keys import new_thumbprint_key
from shared.db.key_rewrap import Rewrapped, rewrap
from shared.db.key_uses import key_status
from shared.db.migrate import PHASES, migrate, migrations_folder, migrations_of
from shared.db.pool import Pool, create_pool
from shared.messaging.outbox.announce_anew import announce_anew
from shared.messaging.outbox.lost import log_factory, topics_of
from shared.messaging.outbox.recovery import CopyAhead, recover, withhold_states
from shared.messaging.recovery_check import check_recovery
from shared.service.commands import (
    EXIT_DONE,
    EXIT_LEFT,
    Command,
    Invocation,
    UsageError,
    exit_code_of,
    operator_argument,
)
from shared.service.terminal import print_text, show_json, show_progress

DATABASE, KEYS = "The database", "Keys"


@asynccontextmanager
async def _pool_of(invocation: Invocation) -> AsyncIterator[Pool]:
    pool = await create_pool(invocation.settings.postgres, application=f"{invocation.service.name}-operator", size=2)
    try:
        yield pool
    finally:
        await pool.close()


def on_pool(work: Callable[[Invocation, Pool], Awaitable[int]]) -> Callable[[Invocation], int]:
    """Returns a command that runs `work` with a pool of connections."""

    async def run(invocation: Invocation) -> int:
        async with _pool_of(invocation) as pool:
            return await work(invocation, pool)

    return lambda invocation: asyncio.run(run(invocation))


def _migrate(invocation: Invocation) -> int:
    postgres, service = invocation.owner_settings.postgres, invocation.service.name
    migrations = migrations_of(service, migrations_folder(service))
    dsn, phase = postgres.owner_dsn.get_secret_value(), invocation.arguments.phase
    asyncio.run(migrate(dsn, migrations, postgres.role, phase))
    return EXIT_DONE


def _phase(parser: argparse.ArgumentParser) -> None:
    phases = (
        "pre: those that precede this release's code, and all of an empty database; post: those that only the next "
        "release may need, when no older code runs any more; without it all"
    )
    parser.add_argument("--phase", choices=PHASES, help=phases)


def _recover_arguments(parser: argparse.ArgumentParser) -> None:
    operator_argument(parser)
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--check", action="store_true", help="say what is missing, change nothing; 1 if anything is")
    modes.add_argument(
        "--announce",
        action="store_true",
        help="announce all states, erasures and the facts of the last days onto another, empty Kafka cluster",
    )
    modes.add_argument(
        "--above",
        type=Path,
        metavar="FILE",
        help="what `recover --check` of another service printed: withhold the states of which it has newer copies",
    )


async def _recover(invocation: Invocation, pool: Pool) -> int:
    options, recovery = invocation.arguments, invocation.plan.recovery
    connect = log_factory(invocation.settings.kafka, invocation.service.name)
    topics = topics_of(invocation.service.name)
    if options.check:
        check = await check_recovery(pool, connect, topics, invocation.plan.all_subscriptions, recovery)
        show_json(asdict(check))
        return EXIT_DONE if check.is_complete else EXIT_LEFT
    if options.above is not None:
        ahead = _copies_ahead(options.above, {topic.name for topic in topics})
        show_json(asdict(await withhold_states(pool, invocation.service.name, ahead, recovery, options.operator)))
        return EXIT_DONE
    if options.announce:
        prepare = partial(recovery.prepare, pool, options.operator, True)
        show_json(asdict(await announce_anew(pool, connect, topics, recovery.states, options.operator, prepare)))
        return EXIT_DONE
    show_json(asdict(await recover(pool, connect, topics, recovery, options.operator)))
    return EXIT_DONE


def _copies_ahead(file: Path, topics: Container[str]) -> list[CopyAhead]:
    try:
        copies = [CopyAhead(**copy) for copy in json.loads(file.read_bytes())["ahead"]]
    except (OSError, ValueError, TypeError, KeyError):
        raise UsageError(f"--above: {file} is not what `recover --check` prints") from None
    return [copy for copy in copies if copy.topic in topics]


def _show_keys(invocation: Invocation) -> int:
    """Prints each key: ring, id, state (active, kept or missing), and number of rows by column."""
    service, settings = invocation.service, invocation.settings
    keys = asyncio.run(key_status(settings.postgres, service.name, service.keys(settings).rings))
    show_json([asdict(key) for key in keys])
    return EXIT_LEFT if any(key.state == "missing" for key in keys) else EXIT_DONE


def _rewrap_keys(invocation: Invocation) -> int:
    service, settings = invocation.service, invocation.settings
    columns = asyncio.run(rewrap(settings.postgres, service.name, service.keys(settings), _report))
    return max(_show_keys(invocation), exit_code_of(columns))


def _report(column: Rewrapped) -> None:
    show_progress(asdict(column))


def _new_key_arguments(parser: argparse.ArgumentParser) -> None:
    kinds = (
        "ring: an entry of a keyring; signing, receipts: what identity signs tokens and receipts of erasures with; "
        "signatures: what audit signs lists of accesses with; certificates: what records signs certificates with, "
        "named by its thumbprint"
    )
    choices = ["ring", "signing", "receipts", "signatures", "certificates"]
    parser.add_argument("kind", nargs="?", default="ring", choices=choices, help=kinds)
    parser.add_argument("--kid", type=_kid, default=time.strftime("%Y-%m-%d"), help="its id; default: today's date")


def _kid(text: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", text) is None:
        raise argparse.ArgumentTypeError("letters, digits, hyphens and underscores, 64 at most")
    return text


def _print_new_key(invocation: Invocation) -> int:
    """Prints a new key in the form of its setting."""
    kid = invocation.arguments.kid
    match invocation.arguments.kind:
        case "signing":
            key = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256", "kid": kid})
            print_text(json.dumps([key.as_dict(private=True)]))
        case "certificates":
            print_text(new_thumbprint_key())
        case "receipts" | "signatures":
            pair = OKPKey.generate_key("Ed25519", {"use": "sig", "alg": "Ed25519", "kid": kid})
            print_text(json.dumps([pair.as_dict(private=True)]))
        case _:
            print_text(f"{kid}:{base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip('=')}")
    return EXIT_DONE


DATABASE_COMMANDS: Sequence[Command] = (
    Command(
        "migrate",
        DATABASE,
        "Apply the missing migrations, as the owner. Of the settings POSTGRES__OWNER_DSN and __APP_ROLE are enough.",
        _migrate,
        _phase,
        needs="settings",
        as_owner=True,
    ),
    Command(
        "recover",
        DATABASE,
        "Recover what a restored database has lost. Adopted keys get the state of the topic; an operator decides about "
        "undecided ones. Nothing is changed where nothing was lost.",
        on_pool(_recover),
        _recover_arguments,
    ),
    Command(
        "keys new",
        KEYS,
        "Print a new random key. Add it at the end of its ring everywhere, then move it to the front.",
        _print_new_key,
        _new_key_arguments,
        needs="nothing",
    ),
    Command(
        "keys status",
        KEYS,
        "Count the rows under each key. One that is kept and has no rows can be dropped; 1 when one is missing.",
        _show_keys,
        needs="settings",
    ),
    Command(
        "keys rewrap",
        KEYS,
        "Seal the rows anew under the active keys. It goes page by page while the service runs, and on after an "
        "interruption.",
        _rewrap_keys,
        needs="settings",
    ),
)
