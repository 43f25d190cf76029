"""`dmp recover`: what restored databases lack: checked, recovered from the topics, or announced anew."""

from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.cli import acts
from deploy.cli import recovery as recoveries
from deploy.local.cli.commands.common import (
    EXIT_REFUSED,
    EXIT_USAGE,
    check_value,
    fail,
    perform,
    session_for,
    show_json,
    show_table,
)
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.demo.credentials import OPERATOR
from deploy.local.platform.services import NAMES


def register(app: typer.Typer) -> None:
    """Adds the command to the application."""
    app.command()(recover)


def recover(
    var: VarOption,
    services: Annotated[
        list[str] | None,
        typer.Argument(metavar="SERVICE", help=f"{', '.join(NAMES)}; with --check any number, by default all"),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Say what is missing and change nothing.")] = False,
    announce: Annotated[
        bool,
        typer.Option("--announce", help="Announce everything onto another, empty Kafka cluster, or go on with it."),
    ] = False,
    above: Annotated[
        Path | None,
        typer.Option("--above", metavar="FILE", help="Withhold the states of which this check has newer copies."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Recover what a service's restored database has lost; until then its relay sends nothing.

    Adopted keys get the state of the topic. An operator decides about undecided keys; reading them is refused until
    their owner announces a newer state. FILE is what `dmp recover --check --json` has printed.

    Exit codes: 0 done (or nothing is missing), 1 refused, or something is missing, 2 usage, 3 nothing runs.

    Example: dmp recover --check consent
    """
    names = list(services or [])
    for name in names:
        check_value("SERVICE", name, NAMES)
    if check + announce + (above is not None) > 1:
        fail(EXIT_USAGE, "--check, --announce and --above exclude each other")
    if check:
        _check(var, names or list(NAMES), as_json)
        return
    if len(names) != 1:
        fail(EXIT_USAGE, "name the service to recover, one at a time")
    if announce:
        done = perform(var, lambda dmp, at: recoveries.announce(session_for(dmp, at, OPERATOR), names[0]))
    elif above is not None:
        states = recoveries.states_ahead(above, names[0])
        done = perform(var, lambda dmp, at: recoveries.withhold(session_for(dmp, at, OPERATOR), names[0], states))
    else:
        done = perform(var, lambda dmp, at: acts.recover(session_for(dmp, at, OPERATOR), names[0]))
    if as_json:
        show_json(done)
    else:
        _show(done, announced=announce)


def _check(var: Path, names: list[str], as_json: bool) -> None:
    reports = perform(var, lambda dmp, at: recoveries.check(session_for(dmp, at, OPERATOR), names))
    if as_json:
        show_json(reports.as_json())
    else:
        rows = recoveries.missing_rows(reports)
        show_table(("service", "what is missing", "how much, or which"), rows, "nothing is missing")
    if not reports.is_complete:
        raise typer.Exit(EXIT_REFUSED)


def _show(done: dict[str, Any], *, announced: bool) -> None:
    rows = [(topic, "facts kept", count) for topic, count in done.get("facts", {}).items()] if not announced else []
    if announced:
        rows += [(source, "states announced", count) for source, count in done["states"].items()]
        rows.append(("facts of the last days", "announced", done["facts"]))
    for outcome in ("adopted", "undecided"):
        rows += [(topic, outcome, key) for topic, keys in done.get(outcome, {}).items() for key in keys]
    if done.get("erased_again"):
        rows.append(("the export of erasures", "erased again", done["erased_again"]))
    show_table(("topic", "outcome", "count or key"), rows, "nothing was lost")
