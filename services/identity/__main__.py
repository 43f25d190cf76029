"""Runs the service identity: `python -m services.identity --help` lists its commands."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from services.identity.app import make_api, make_plan, make_worker
from services.identity.clients.domain.clients import CLIENT_SCOPES, new_client
from services.identity.clients.usecases.register_client import register_client
from services.identity.corrections.usecases.correct_telephones import correct_telephones
from services.identity.keys import make_keyrings, make_keys
from services.identity.settings import Settings
from shared.db.pool import Pool
from shared.service.commands import EXIT_DONE, OWN_GROUP, Command, Invocation, UsageError, job
from shared.service.database_commands import on_pool
from shared.service.process import main
from shared.service.terminal import show_json


def _administrator_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", required=True, help="name of the client, such as the operator's own")
    parser.add_argument("--key", required=True, type=Path, metavar="FILE", help="its public JWK or JWK set")
    parser.add_argument("--replace", action="store_true", help="replace the keys of the client that has this name")


async def _register_administrator(invocation: Invocation, pool: Pool) -> int:
    options = invocation.arguments
    try:
        content = json.loads(options.key.read_bytes())
        keys = content.get("keys", [content])
    except (OSError, ValueError, AttributeError):
        raise UsageError(f"--key: {options.key} cannot be read as a JWK") from None
    client = new_client(options.name, "administrator", CLIENT_SCOPES["administrator"], keys)
    show_json(asdict(await register_client(pool, client, replace=options.replace)))
    return EXIT_DONE


COMMANDS = (
    Command(
        "first-administrator",
        OWN_GROUP,
        "Register an administrator's client, which registers all others through the API. Its private key stays where "
        "it is.",
        on_pool(_register_administrator),
        _administrator_arguments,
    ),
    job(
        "correct-telephones",
        "Give stored telephone numbers the country code of their part of France. It goes page by page while identity "
        "runs; changed contacts are announced.",
        lambda settings: correct_telephones(settings.postgres, make_keyrings(settings.keys)),
    ),
)

if __name__ == "__main__":
    main(
        "identity",
        Settings,
        api=make_api,
        worker=make_worker,
        plan=make_plan,
        keys=lambda settings: make_keys(settings.keys),
        commands=COMMANDS,
    )
