"""`dmp recover`: recovers what a restored database lacks from the service's topics."""

from typing import Annotated

import typer

from deploy.cli import acts
from deploy.local.cli.commands.common import perform, session_for, show_json, show_table
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.demo.credentials import OPERATOR
from deploy.local.platform.services import NAMES


def register(app: typer.Typer) -> None:
    """Adds the command to the application."""
    app.command()(recover)


def recover(
    service: Annotated[str, typer.Argument(metavar="SERVICE", help=", ".join(NAMES))],
    var: VarOption,
    as_json: JsonOption = False,
) -> None:
    """Recover what a service's restored database has lost; until then its relay sends nothing.

    Adopted keys get the state of the topic. An operator decides about undecided keys; reading them is refused until
    their owner announces a newer state.

    Exit codes: 0 done (or nothing was lost), 1 refused, 2 no such service, 3 nothing runs.

    Example: dmp recover consent
    """
    if service not in NAMES:
        raise typer.BadParameter(f"choose one of {', '.join(NAMES)}")

    done = perform(var, lambda dmp, installation: acts.recover(session_for(dmp, installation, OPERATOR), service))
    if as_json:
        show_json(done)
        return
    rows = [(topic, "facts kept", count) for topic, count in done["facts"].items()]
    for outcome in ("adopted", "undecided"):
        rows += [(topic, outcome, key) for topic, keys in done[outcome].items() for key in keys]
    if done["erased_again"]:
        rows.append(("the export of erasures", "erased again", done["erased_again"]))
    show_table(("topic", "outcome", "count or key"), rows, "nothing was lost")
