"""`dmp quarantine`: the refused submissions that a hospital can mend. Shows no document."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any
from uuid import UUID

import typer

from deploy.local.cli.commands.common import (
    EXIT_REFUSED,
    EXIT_USAGE,
    Language,
    LanguageOption,
    YesOption,
    confirm,
    fail,
    moment,
    perform,
    session_for,
    show_json,
    show_table,
)
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.cli.waiting import say
from deploy.local.demo.client import Dmp, Session
from deploy.local.demo.credentials import HOSPITAL

quarantine = typer.Typer(
    help="Refused submissions that a hospital can mend: list, show, correct, resend, drop.", no_args_is_help=True
)
ClientOption = Annotated[
    str,
    typer.Option("--as", metavar="WHO", help="Software from `dmp bootstrap`, or professional:ID:STRUCTURE."),
]
SubmissionsArgument = Annotated[
    list[UUID] | None, typer.Argument(metavar="[ID...]", help="Ids, from `dmp quarantine list`.")
]
CauseOption = Annotated[str | None, typer.Option("--cause", metavar="CODE", help="All with this cause.")]
DoorOption = Annotated[str | None, typer.Option("--door", help="All of this door: fhir, cda, xdm or hl7v2.")]
AllOption = Annotated[bool, typer.Option("--all", help="All of the organisation.")]
_AT_ONCE = 100


def register(app: typer.Typer) -> None:
    """Adds the command to the application."""
    app.add_typer(quarantine, name="quarantine")


@quarantine.command("list")
def list_quarantine(
    var: VarOption,
    cause: CauseOption = None,
    door: DoorOption = None,
    everything: AllOption = False,
    client: ClientOption = HOSPITAL,
    language: LanguageOption = Language.EN,
    as_json: JsonOption = False,
) -> None:
    """Count refused submissions by cause, with what to do; with a cause, a door or --all list each of them.

    Exit codes: 0 listed, 1 refused, 3 nothing runs.

    Examples:

    dmp quarantine list

    dmp quarantine list --cause traits-mismatch
    """
    if cause is None and door is None and not everything:
        summary = perform(var, lambda dmp, installation: _causes(session_for(dmp, installation, client)))
        if as_json:
            show_json(summary)
            return
        sentence = "what_to_do_fr" if language is Language.FR else "what_to_do"
        rows = [
            (each["cause"], each["submissions"], each["with_content"], moment(each["since"]), each[sentence])
            for each in summary
        ]
        show_table(("cause", "submissions", "with content", "since", "what to do"), rows, "nothing is in quarantine")
        return
    listed = perform(var, lambda dmp, installation: _list(session_for(dmp, installation, client), cause, door))
    if as_json:
        show_json(listed)
    else:
        cells = [
            (each["id"], each["cause"], each["door"], moment(each["kept_at"]), moment(each["expires_at"]), each["size"])
            for each in listed
        ]
        show_table(("id", "cause", "door", "since", "until", "bytes"), cells, "nothing is in quarantine")


@quarantine.command()
def show(
    submission: Annotated[UUID, typer.Argument(metavar="ID", help="From `dmp quarantine list`.")],
    var: VarOption,
    client: ClientOption = HOSPITAL,
    language: LanguageOption = Language.EN,
    as_json: JsonOption = False,
) -> None:
    """Show a refused submission: its cause, what to do, and the fields of its envelope. The ledger keeps who saw it.

    Exit codes: 0 shown, 1 there is no such submission, 3 nothing runs.

    Example: dmp quarantine show 0199a3c4-5d00-8a11-9b7e-2f6c1d4e9a3b
    """

    async def look(dmp: Dmp, installation: Mapping[str, Any]) -> dict[str, Any]:
        answer = await session_for(dmp, installation, client).call("GET", "records", f"/quarantine/{submission}")
        detail: dict[str, Any] = answer.json()
        return detail

    detail = perform(var, look)
    if as_json:
        show_json(detail)
        return
    unwanted = {"what_to_do", "what_to_do_fr", "fields", "correctable"}
    rows = [(name, value) for name, value in detail.items() if name not in unwanted]
    rows += [(name, detail["fields"].get(name)) for name in detail["correctable"]]
    show_table(("field", "value"), rows, "")
    print(detail["what_to_do_fr" if language is Language.FR else "what_to_do"])


@quarantine.command()
def correct(
    var: VarOption,
    fields: Annotated[
        list[str],
        typer.Option(
            "--set",
            metavar="FIELD=VALUE",
            help="ins (urn:oid:OID|INS), birth_name, given_name, birth_date, sex, birth_place; by FHIR and XDM also "
            "type, hash, size.",
        ),
    ],
    ids: SubmissionsArgument = None,
    cause: CauseOption = None,
    door: DoorOption = None,
    client: ClientOption = HOSPITAL,
    as_json: JsonOption = False,
) -> None:
    """Correct fields of the envelope. No document is changed, and nothing is sent: see `dmp quarantine resend`.

    Exit codes: 0 all corrected, 1 at least one was not, 2 usage, 3 nothing runs.

    Example: dmp quarantine correct 0199a3c4-5d00-8a11-9b7e-2f6c1d4e9a3b --set birth_name=DURAND --set sex=female
    """
    pairs = [field.partition("=") for field in fields]
    if not all(name and equals for name, equals, _ in pairs):
        fail(EXIT_USAGE, "--set takes FIELD=VALUE")
    selection = _selection(ids, cause, door, everything=False)
    changes = {"fields": {name: value for name, _, value in pairs}}
    _finish(_act(var, client, "corrections", selection | changes, _announce("corrected")), as_json)


@quarantine.command()
def resend(
    var: VarOption,
    ids: SubmissionsArgument = None,
    cause: CauseOption = None,
    door: DoorOption = None,
    everything: AllOption = False,
    client: ClientOption = HOSPITAL,
    as_json: JsonOption = False,
) -> None:
    """Send submissions again, through all checks of their door; what is accepted leaves quarantine.

    Exit codes: 0 all accepted, 1 at least one was refused again, 2 usage, 3 nothing runs.

    Examples:

    dmp quarantine resend 0199a3c4-5d00-8a11-9b7e-2f6c1d4e9a3b

    dmp quarantine resend --cause replaced-document-unknown
    """
    selection = _selection(ids, cause, door, everything=everything)
    _finish(_act(var, client, "resendings", selection, _announce("accepted")), as_json)


@quarantine.command()
def drop(  # noqa: PLR0913  # each is an option of the command line
    var: VarOption,
    ids: SubmissionsArgument = None,
    cause: CauseOption = None,
    door: DoorOption = None,
    everything: AllOption = False,
    client: ClientOption = HOSPITAL,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Destroy submissions in quarantine at once.

    Exit codes: 0 all destroyed, 1 at least one was not, 2 usage, 3 nothing runs.

    Example: dmp quarantine drop --cause verb-mismatch --yes
    """
    selection = _selection(ids, cause, door, everything=everything)
    confirm("the submissions are destroyed for ever", yes)
    _finish(_act(var, client, "removals", selection, _announce("dropped")), as_json)


def _selection(ids: list[UUID] | None, cause: str | None, door: str | None, *, everything: bool) -> dict[str, Any]:
    """Returns what the options select. Exits with 2 unless it is one of: ids, a cause or door, everything."""
    if sum((bool(ids), cause is not None or door is not None, everything)) != 1:
        fail(EXIT_USAGE, "name submissions, or a --cause, a --door or --all")
    if ids:
        return {"ids": [str(id) for id in ids]}
    return {name: value for name, value in (("cause", cause), ("door", door)) if value is not None}


def _announce(done: str) -> Callable[[Mapping[str, Any]], None]:
    def announce(result: Mapping[str, Any]) -> None:
        outcome = done if result["outcome"] == "done" else f"{result['outcome']} ({result['code']})"
        say(f"  {result['id']}: {outcome}")

    return announce


def _act(
    var: VarOption, client: str, verb: str, body: Mapping[str, Any], announce: Callable[[Mapping[str, Any]], None]
) -> list[dict[str, Any]]:
    """Does the act for all that is selected, page after page, with a line for each. Returns the results."""
    results: list[dict[str, Any]] = []

    async def work(dmp: Dmp, installation: Mapping[str, Any]) -> list[dict[str, Any]]:
        session = session_for(dmp, installation, client)
        for request in _requests(body):
            after: str | None = None
            while True:
                page = request if after is None else request | {"after": after}
                answer = (await session.call("POST", "records", f"/quarantine/{verb}", json=page)).json()
                for result in answer["results"]:
                    announce(result)
                results.extend(answer["results"])
                after = answer["next"]
                if after is None:
                    break
        return results

    return perform(var, work, lambda: f"{len(results)} are done; run the command again for the others")


def _requests(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns one request for each hundred ids, or the only one where no ids are given."""
    ids = body.get("ids")
    if ids is None:
        return [dict(body)]
    return [{**body, "ids": ids[start : start + _AT_ONCE]} for start in range(0, len(ids), _AT_ONCE)]


def _finish(results: list[dict[str, Any]], as_json: bool) -> None:
    """Prints the results, and exits with 1 where something was not done."""
    if as_json:
        show_json(results)
    else:
        rows = [(result["id"], result["outcome"], result["code"], result["detail"]) for result in results]
        show_table(("id", "outcome", "code", "detail"), rows, "nothing is in quarantine")
    if any(result["outcome"] != "done" for result in results):
        raise typer.Exit(EXIT_REFUSED)


async def _causes(session: Session) -> list[dict[str, Any]]:
    causes: list[dict[str, Any]] = (await session.call("GET", "records", "/quarantine/causes")).json()["causes"]
    return causes


async def _list(session: Session, cause: str | None, door: str | None) -> list[dict[str, Any]]:
    filters = {name: value for name, value in (("cause", cause), ("door", door)) if value is not None}
    page = (await session.call("GET", "records", "/quarantine", params=filters)).json()
    listed: list[dict[str, Any]] = page["submissions"]
    while page["next"] is not None:
        page = (await session.call("GET", "records", page["next"])).json()
        listed += page["submissions"]
    return listed
