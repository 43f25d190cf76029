"""`dmp figures`: shows the published figures."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from deploy.local.cli.commands.common import EXIT_USAGE, check_value, fail, perform, show_json, show_table
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.demo.client import Dmp, send
from services.identity.figures.domain import TOTAL, UNKNOWN_REGION
from services.identity.people.domain.persons import REGIONS

_SPAN = timedelta(days=84)


def register(app: typer.Typer) -> None:
    """Adds the command to the application."""
    app.command()(figures)


def figures(
    var: VarOption,
    first: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")] = None,
    last: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day; today.")] = None,
    region: Annotated[str, typer.Option(help="An INSEE code, 99 (abroad), unknown, or all (the total).")] = "all",
    as_json: JsonOption = False,
) -> None:
    """Show the published figures: records opened, accounts activated, objections, closures, by week and channel.

    Each figure is rounded to the nearest ten, and shown as < 11 below eleven. A week is published a day after its end.

    Exit codes: 0 shown, 1 refused, 2 an empty interval, 3 nothing runs.

    Example: dmp figures --from 2026-01-01 --region 84
    """
    check_value("--region", region, [*sorted(REGIONS), UNKNOWN_REGION, TOTAL])
    until = (last or datetime.now().astimezone()).date()
    since = first.date() if first else until - _SPAN
    if since > until:
        fail(EXIT_USAGE, f"the interval is empty: --from {since} is after --to {until}")
    span = {"from": since.isoformat(), "to": until.isoformat()}
    answer = perform(var, lambda dmp, _: _ask(dmp, span))
    shown = [figure for figure in answer["figures"] if figure["region"] == region]
    if as_json:
        show_json(shown)
        return
    rows = [(figure["week"], figure["kind"], figure["channel"], figure["figure"]) for figure in shown]
    show_table(("week", "what", "channel", "figure"), rows, "no figures are published for these weeks")


async def _ask(dmp: Dmp, span: Mapping[str, str]) -> Any:
    return (await send(dmp.http, dmp.urls, "GET", "identity", "/figures", params=span)).json()
