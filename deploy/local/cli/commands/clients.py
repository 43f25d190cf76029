"""`dmp bootstrap`."""

import typer

from deploy.local.cli.commands.common import read_installation, show_json, show_table
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.cli.interruptible import run
from deploy.local.demo.bootstrap import bootstrap as make
from deploy.local.platform.paths import Layout


def register(app: typer.Typer) -> None:
    """Adds the command to the application."""
    app.command()(bootstrap)


def bootstrap(var: VarOption, as_json: JsonOption = False) -> None:
    """Register the first clients and people: an administrator, two hospitals, an operator, three professionals.

    Existing ones stay. The private keys lie in var/secrets/clients; var/endpoints.json names their paths.

    Exit codes: 0 all are registered, 1 refused, 3 nothing runs.

    Example: dmp bootstrap
    """
    read_installation(var)
    credentials = run(make(Layout(var)))
    if as_json:
        show_json(credentials)
        return
    rows = [
        (
            name,
            credential["kind"],
            credential.get("client_id") or credential.get("professional_id"),
            credential.get("name"),
            credential.get("key"),
        )
        for name, credential in credentials.items()
    ]
    show_table(("name", "kind", "id", "who", "key"), rows, "none")
