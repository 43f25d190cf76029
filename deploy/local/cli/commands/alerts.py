"""`dmp alerts`: the alerts of a record with their state, as its patient."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from deploy.local.cli.commands.common import (
    AsPatientOption,
    RecordOption,
    moment,
    patient_session,
    perform,
    show_json,
    show_table,
)
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.demo.client import Dmp


def register(app: typer.Typer) -> None:
    """Adds the command to the application."""
    app.command()(alerts)


def alerts(
    record: RecordOption,
    var: VarOption,
    before: Annotated[str | None, typer.Option("--before", help="The `next` of an earlier page.")] = None,
    who: AsPatientOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the alerts of a record with their state, newest first, as the record's patient.

    Exit codes: 0 listed, 1 refused, 3 nothing runs.

    Example: dmp alerts --record UUID
    """
    params = {} if before is None else {"before": before}

    async def look(dmp: Dmp, installation: Mapping[str, Any]) -> dict[str, Any]:
        session = patient_session(dmp, installation, record, who)
        page: dict[str, Any] = (await session.call("GET", "notify", f"/records/{record}/alerts", params=params)).json()
        return page

    page = perform(var, look)
    if as_json:
        show_json(page)
        return
    rows = [
        (moment(alert["caused_at"]), alert["kind"], alert["channel"], alert["status"], alert["reason"])
        for alert in page["alerts"]
    ]
    show_table(("when", "about", "by", "state", "reason"), rows, "no alert about this record")
    if page["next"] is not None:
        print(f"there are more: --before {page['next']}")
