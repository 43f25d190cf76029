"""`dmp replay`: decides the decisions of the ledger again from their stored facts."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from deploy.local.cli.commands.common import EXIT_REFUSED, check_interval, perform, session_for, show_json, show_table
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.demo.client import Dmp
from deploy.local.demo.credentials import OPERATOR

_COUNTS = ("entries", "decisions", "without_facts", "unreadable")
_FORMS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]


def register(app: typer.Typer) -> None:
    """Adds the command to the application."""
    app.command()(replay)


def replay(
    var: VarOption,
    since: Annotated[datetime, typer.Option("--from", formats=_FORMS, help="First moment.", show_default=False)],
    until: Annotated[datetime | None, typer.Option("--to", formats=_FORMS, help="End, exclusive; now.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Decide again from the facts that the ledger keeps, and list every decision that the rules answer otherwise now.

    Under the version of the rules that took a decision there must be no difference, as far back as versions are kept.
    A difference between versions is listed with the release of the rules that causes it and a summary of that release.
    The replay covers reads, searches by combination, changes and deposits. It shows codes and counts only.

    Exit codes: 0 no difference under unchanged rules, 1 there are some, or refused, 2 usage, 3 nothing runs.

    Example: dmp replay --from 2026-11-01 --to 2026-12-01
    """
    start = since.astimezone()
    end = until.astimezone() if until else datetime.now().astimezone() + timedelta(minutes=1)
    check_interval(start, end)
    span = {"from": start.isoformat(), "to": end.isoformat()}
    report = perform(var, lambda dmp, installation: _replay(dmp, installation, span))
    same = [
        difference for difference in report["differences"] if difference["rules_version"] == difference["decided_under"]
    ]
    if as_json:
        show_json(report)
    else:
        _show(report, len(same))
    if same:
        raise typer.Exit(EXIT_REFUSED)


def _show(report: Mapping[str, Any], same: int) -> None:
    counts = (
        f"{report['decisions']} decisions of {report['entries']} entries decided again under rules "
        f"{report['rules_version']}; {report['without_facts']} entries without facts, {report['unreadable']} unreadable"
    )
    if not report["differences"]:
        typer.echo(f"no difference: {counts}")
        return
    typer.echo(f"{len(report['differences'])} differences, {same} under unchanged rules: {counts}")
    headings = ("entry", "action", "combination", "rules", "then", "now", "made by")
    show_table(headings, [_row(difference) for difference in report["differences"]], "")
    releases = {release for difference in report["differences"] for release in difference["made_by"]}
    for release, summary in report["releases"].items():
        if release in releases:
            typer.echo(f"rules {release}: {summary}")


def _row(difference: Mapping[str, Any]) -> tuple[object, ...]:
    then, now = (f"{difference[name]['outcome']}: {difference[name]['reason']}" for name in ("then", "now"))
    made_by = " or ".join(difference["made_by"]) or None
    return (
        difference["event_id"],
        difference["action"],
        difference["combination"],
        difference["rules_version"],
        then,
        now,
        made_by,
    )


async def _replay(dmp: Dmp, installation: Mapping[str, Any], span: Mapping[str, str]) -> dict[str, Any]:
    operator = session_for(dmp, installation, OPERATOR)
    total: dict[str, Any] = {**dict.fromkeys(_COUNTS, 0), "differences": []}
    after: str | None = None
    while True:
        query = {**span, **({"after": after} if after else {})}
        part = (await operator.call("GET", "audit", "/replay", params=query)).json()
        total |= {name: total[name] + part[name] for name in _COUNTS}
        total |= {name: part[name] for name in ("rules_version", "releases")}
        total["differences"] += part["differences"]
        after = part["next"]
        if after is None:
            return total
