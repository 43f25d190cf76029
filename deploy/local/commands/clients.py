"""`dmp bootstrap`."""

import typer

from deploy.local.bootstrap import bootstrap as make
from deploy.local.cli import JsonOption, VarOption
from deploy.local.commands.common import running, show_json, show_table
from deploy.local.paths import Layout
from deploy.local.running import run


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(bootstrap)


def bootstrap(var: VarOption, as_json: JsonOption = False) -> None:
    """Make the first clients and people: an administrator, two hospitals, an operator, three professionals.

    What is there already stays. The private keys lie in var/secrets/clients; var/endpoints.json names them by path.

    Exit codes: 0 all are there, 1 refused, 3 nothing runs.

    Example: dmp bootstrap
    """
    running(var)
    credentials = run(make(Layout(var)))
    if as_json:
        show_json(credentials)
        return
    rows = [
        (name, one["kind"], one.get("client_id") or one.get("professional_id"), one.get("name"), one.get("key"))
        for name, one in credentials.items()
    ]
    show_table(("name", "kind", "id", "who", "key"), rows, "nobody")
