"""`dmp directory`: searches professionals and structures by name, as a record's patient."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from deploy.local.cli.commands.common import (
    AsPatientOption,
    RecordOption,
    patient_session,
    perform,
    show_json,
    show_table,
)
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.demo.client import Dmp


def register(app: typer.Typer) -> None:
    """Adds the command to the application."""
    app.command()(directory)


def directory(  # noqa: PLR0913  # each is an option of the command line
    record: RecordOption,
    var: VarOption,
    name: Annotated[str, typer.Option("--name", help="Words of the name, or their beginnings.")] = "",
    place: Annotated[str, typer.Option("--place", help="Words of the name of a structure.")] = "",
    profession: Annotated[str | None, typer.Option("--profession", metavar="CODE", help="As G15_10.")] = None,
    after: Annotated[str | None, typer.Option("--after", metavar="ID", help="The last entry shown before.")] = None,
    who: AsPatientOption = None,
    as_json: JsonOption = False,
) -> None:
    """Search professionals and structures by name, as the record's patient does before authorising one.

    Exit codes: 0 listed, 1 refused, 3 nothing runs.

    Example: dmp directory --record UUID --name marbeuf
    """
    query = {"name": name, "place": place, "profession": profession, "after": after}
    params = {field: text for field, text in query.items() if text}

    async def look(dmp: Dmp, installation: Mapping[str, Any]) -> dict[str, Any]:
        session = patient_session(dmp, installation, record, who)
        page: dict[str, Any] = (await session.call("GET", "consent", "/directory", params=params)).json()
        return page

    page = perform(var, look)
    if as_json:
        show_json(page)
        return
    rows = [
        (entry["id"], entry["name"], entry["profession"], ", ".join(entry["structures"])) for entry in page["results"]
    ]
    show_table(("id", "name", "profession", "structures"), rows, "the directory has no such name")
    if page["next"] is not None:
        print(f"there are more: --after {page['next']}")
