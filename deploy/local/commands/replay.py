"""`dmp replay`."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from deploy.local.bootstrap import OPERATOR
from deploy.local.cli import JsonOption, VarOption
from deploy.local.client import Dmp
from deploy.local.commands.common import EXIT_REFUSED, perform, show_json, show_table, someone

_COUNTS = ("entries", "decisions", "without_facts", "unreadable")
_FORMS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(replay)


def replay(
    var: VarOption,
    since: Annotated[datetime, typer.Option("--from", formats=_FORMS, help="From this time on.", show_default=False)],
    until: Annotated[datetime | None, typer.Option("--to", formats=_FORMS, help="Before this time; now.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Decide again, from the facts that the ledger keeps, and list every decision that is answered otherwise now.

    Under the version of the rules that decided there must be none, as far back as versions are kept; between versions
    each is listed with the release of the rules that made it, and what that release brought.
    Reads, searches by combination, changes and deposits; codes and counts only.

    Exit codes: 0 no difference under the same rules, 1 there are some, or refused, 3 nothing runs.

    Example: dmp replay --from 2026-11-01 --to 2026-12-01
    """
    end = until.astimezone() if until else datetime.now().astimezone() + timedelta(minutes=1)
    span = {"from": since.astimezone().isoformat(), "to": end.isoformat()}
    found = perform(var, lambda dmp, known: _replay(dmp, known, span))
    same = [one for one in found["differences"] if one["rules_version"] == one["decided_under"]]
    if as_json:
        show_json(found)
    else:
        _show(found, len(same))
    if same:
        raise typer.Exit(EXIT_REFUSED)


def _show(found: Mapping[str, Any], same: int) -> None:
    counts = (
        f"{found['decisions']} decisions of {found['entries']} entries decided again under rules "
        f"{found['rules_version']}; {found['without_facts']} entries without facts, {found['unreadable']} unreadable"
    )
    if not found["differences"]:
        typer.echo(f"no difference: {counts}")
        return
    typer.echo(f"{len(found['differences'])} differences, {same} under the same rules: {counts}")
    headings = ("entry", "what", "combination", "rules", "then", "now", "made by")
    show_table(headings, [_row(one) for one in found["differences"]], "")
    told = {release for one in found["differences"] for release in one["made_by"]}
    for release in (one for one in found["releases"] if one in told):
        typer.echo(f"rules {release}: {found['releases'][release]}")


def _row(one: Mapping[str, Any]) -> tuple[object, ...]:
    then, now = (f"{one[name]['outcome']}: {one[name]['reason']}" for name in ("then", "now"))
    made_by = " or ".join(one["made_by"]) or None
    return one["event_id"], one["action"], one["combination"], one["rules_version"], then, now, made_by


async def _replay(dmp: Dmp, found: Mapping[str, Any], span: Mapping[str, str]) -> dict[str, Any]:
    operator = someone(dmp, found, OPERATOR)
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
