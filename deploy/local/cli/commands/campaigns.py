"""`dmp campaign`: opens records for all insured persons who do not object."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID, uuid4

import typer

from deploy.local.cli.commands.common import (
    YesOption,
    check_value,
    confirm,
    perform,
    read_installation,
    session_for,
    show_json,
    show_table,
)
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.cli.waiting import say
from deploy.local.demo.client import Dmp
from deploy.local.demo.credentials import ADMINISTRATOR

POLL_INTERVAL_S = 1.0
CampaignArgument = Annotated[UUID, typer.Argument(metavar="ID", help="Id of the campaign, from `dmp campaign create`.")]
_HEADINGS = ("campaign", "status", "selected", "noticed", "opened", "passed over", "opens at")


def register(app: typer.Typer) -> None:
    """Adds the commands to the application."""
    campaign = typer.Typer(help="Open records for all insured persons who do not object.", no_args_is_help=True)
    for name, command in (
        ("create", create),
        ("show", show),
        ("list", list_),
        ("pause", pause),
        ("resume", resume),
        ("reprint", reprint),
    ):
        campaign.command(name)(command)
    app.add_typer(campaign, name="campaign")


def create(  # noqa: PLR0913  # each is an option of the command line
    var: VarOption,
    regions: Annotated[str, typer.Option(help="INSEE codes, separated by commas; default: all.")] = "",
    regimes: Annotated[str, typer.Option(help="Codes of two digits, separated by commas; default: all.")] = "",
    born_from: Annotated[int | None, typer.Option(metavar="YEAR", help="First year of birth.")] = None,
    born_to: Annotated[int | None, typer.Option(metavar="YEAR", help="Last year of birth.")] = None,
    window: Annotated[int | None, typer.Option(metavar="DAYS", help="Time to object; at least the legal one.")] = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Start a campaign over the insured register: notices, the time to object, then the openings.

    Without any choice of region, regime or year it is for everybody, and the command asks first.

    Exit codes: 0 started, 1 refused or not confirmed, 2 usage, 3 nothing runs.

    Example: dmp campaign create --regions 11,84 --born-from 1950 --born-to 1959 --window 30
    """
    from services.identity.people.domain.persons import REGIONS

    for region in _codes(regions):
        check_value("--regions", region, sorted(REGIONS))
    body = {
        "regions": _codes(regions),
        "regimes": _codes(regimes),
        "born_from": born_from,
        "born_to": born_to,
        "window_days": window,
    }
    if not any((body["regions"], body["regimes"], born_from, born_to)):
        read_installation(var)
        confirm("this campaign writes to every insured person, and opens a record for each who does not object", yes)
    taken = "the campaign may have begun; look with `dmp campaign list`"
    _show(
        [perform(var, lambda dmp, installation: _call(dmp, installation, "POST", "/campaigns", body), taken)], as_json
    )


def show(
    var: VarOption,
    campaign_id: CampaignArgument,
    follow: Annotated[bool, typer.Option("--follow", help="Repeat until the campaign waits or is done.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the progress of a campaign.

    Exit codes: 0 shown, 1 refused, 3 nothing runs.

    Example: dmp campaign show UUID --follow
    """
    goes_on = f"the campaign goes on; look with `dmp campaign show {campaign_id}`"
    _show([perform(var, lambda dmp, installation: _follow(dmp, installation, campaign_id, follow), goes_on)], as_json)


def list_(var: VarOption, as_json: JsonOption = False) -> None:
    """List all campaigns, the oldest first.

    Exit codes: 0 listed, 1 refused, 3 nothing runs.

    Example: dmp campaign list
    """
    _show(perform(var, lambda dmp, installation: _call(dmp, installation, "GET", "/campaigns")), as_json)


def pause(var: VarOption, campaign_id: CampaignArgument, as_json: JsonOption = False) -> None:
    """Pause a campaign between two pages; the time to object goes on.

    Exit codes: 0 paused, 1 refused, 3 nothing runs.

    Example: dmp campaign pause UUID
    """
    _show(
        [perform(var, lambda dmp, installation: _call(dmp, installation, "POST", f"/campaigns/{campaign_id}/pause"))],
        as_json,
    )


def resume(var: VarOption, campaign_id: CampaignArgument, as_json: JsonOption = False) -> None:
    """Resume a paused campaign where it stopped.

    Exit codes: 0 resumed, 1 refused, 3 nothing runs.

    Example: dmp campaign resume UUID
    """
    _show(
        [perform(var, lambda dmp, installation: _call(dmp, installation, "POST", f"/campaigns/{campaign_id}/resume"))],
        as_json,
    )


def reprint(
    var: VarOption,
    campaign_id: CampaignArgument,
    printing: Annotated[
        UUID | None, typer.Option(metavar="UUID", help="Resume this printing; no letter is sent twice.")
    ] = None,
) -> None:
    """Print a campaign's letters again, with unchanged codes, for all persons who have not used their code.

    Exit codes: 0 all are ordered, 1 refused, 3 nothing runs, 130 interrupted (the line says how to go on).

    Example: dmp campaign reprint UUID
    """
    chosen = printing or uuid4()
    resume = f"go on with `dmp campaign reprint {campaign_id} --printing {chosen}`; no letter is sent twice"
    count = perform(var, lambda dmp, installation: _reprint(dmp, installation, campaign_id, chosen), resume)
    typer.echo(f"{count} letters")


async def _reprint(dmp: Dmp, installation: Mapping[str, Any], campaign_id: UUID, printing: UUID) -> int:
    say(f"printing {printing}")
    count, after = 0, None
    while True:
        body = {"printing": str(printing), "after": after}
        done = await _call(dmp, installation, "POST", f"/campaigns/{campaign_id}/letters", body)
        count, after = count + int(done["letters"]), done["next_after"]
        if after is None:
            return count


async def _call(dmp: Dmp, installation: Mapping[str, Any], method: str, path: str, body: object = None) -> Any:
    administrator = session_for(dmp, installation, ADMINISTRATOR)
    return (await administrator.call(method, "identity", path, json=body)).json()


async def _follow(dmp: Dmp, installation: Mapping[str, Any], campaign_id: UUID, follow: bool) -> Any:
    while True:
        shown = await _call(dmp, installation, "GET", f"/campaigns/{campaign_id}")
        if not follow or shown["status"] in ("waiting", "done"):
            return shown
        say(f"{shown['status']}: {_numbers(shown)}")
        await asyncio.sleep(POLL_INTERVAL_S)


def _codes(text: str) -> list[str]:
    return [code.strip() for code in text.split(",") if code.strip()]


def _numbers(shown: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {number}" for name, number in shown["counts"].items())


def _show(campaigns: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        show_json(campaigns)
        return
    rows = [_row(campaign) for campaign in campaigns]
    show_table(_HEADINGS, rows, "there is no campaign: start one with `dmp campaign create`")


def _row(campaign: Mapping[str, Any]) -> tuple[object, ...]:
    counts = {"selected": 0, "noticed": 0, "opened": 0, **campaign["counts"]}
    done = [counts.pop(name) for name in ("selected", "noticed", "opened")]
    passed = ", ".join(f"{name} {number}" for name, number in counts.items())
    status = campaign["status"] + (", paused" if campaign["is_paused"] else "")
    return (campaign["campaign_id"], status, *done, passed or None, campaign["opens_at"])
