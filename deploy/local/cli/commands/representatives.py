"""`dmp representatives` and `dmp acting-for`: who acts for a patient by law."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import typer

from deploy.local.cli.commands.common import (
    AsPatientOption,
    RecordOption,
    moment,
    patient_session,
    perform,
    session_for,
    show_json,
    show_table,
    with_zone,
)
from deploy.local.cli.commands.people import OidOption, ins_of
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.demo.client import Dmp
from deploy.local.demo.credentials import ADMINISTRATOR
from shared.terminology.oids import INS_NIR_TEST

RepresentationArgument = Annotated[
    UUID, typer.Argument(metavar="ID", help="Id of the representation, from `dmp representatives list`.")
]
AsAdministratorOption = Annotated[str, typer.Option("--as", metavar="WHO", help="The caller.")]


class Evidence(StrEnum):
    """The document that proves the representation."""

    BIRTH_CERTIFICATE = "birth-certificate"
    FAMILY_BOOKLET = "family-booklet"
    COURT_DECISION = "court-decision"
    PROTECTION_MANDATE = "protection-mandate"


class Answer(StrEnum):
    """The answer to a waiting representation."""

    VALIDATED = "validated"
    REFUSED = "refused"


def register(app: typer.Typer) -> None:
    """Adds the commands to the application."""
    group = typer.Typer(
        help="Legal representatives (représentants légaux): parents of a minor, guardians of an adult.",
        no_args_is_help=True,
    )
    group.command("add")(add)
    group.command("list")(list_)
    group.command("answer")(answer)
    group.command("end")(end)
    app.add_typer(group, name="representatives")
    app.command("acting-for")(acting_for)


def add(  # noqa: PLR0913  # each is an option of the command line
    record: RecordOption,
    var: VarOption,
    ins: Annotated[str, typer.Option("--ins", help="INS of the representative, who has a record here.")],
    evidence: Annotated[Evidence, typer.Option("--evidence", help="What proves it.")],
    reference: Annotated[str, typer.Option("--reference", help="Number of the document that proves it.")],
    oid: OidOption = INS_NIR_TEST,
    since: Annotated[str | None, typer.Option("--from", metavar="DATE", help="Default: now.")] = None,
    until: Annotated[str | None, typer.Option("--to", metavar="DATE", help="Default: the legal end.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Add a representative of a record's patient, as administrator. A later one waits until the first one agrees.

    Exit codes: 0 added, 1 refused, 2 usage, 3 nothing runs.

    Example: dmp representatives add --record UUID --ins 255069999999934 --evidence family-booklet --reference 75-1
    """
    body = {
        "representative": ins_of(ins, oid),
        "evidence": {"kind": evidence.value, "reference": reference},
        "starts_at": None if since is None else with_zone(since),
        "ends_at": None if until is None else with_zone(until),
    }

    async def post(dmp: Dmp, installation: Mapping[str, Any]) -> dict[str, Any]:
        administrator = session_for(dmp, installation, ADMINISTRATOR)
        path = f"/records/{record}/representatives"
        view: dict[str, Any] = (await administrator.call("POST", "identity", path, json=body)).json()
        return view

    _show_one(perform(var, post), as_json)


def list_(record: RecordOption, var: VarOption, who: AsPatientOption = None, as_json: JsonOption = False) -> None:
    """List the representatives of a record's patient, past ones included.

    Exit codes: 0 listed, 1 refused, 3 nothing runs.

    Example: dmp representatives list --record UUID
    """

    async def look(dmp: Dmp, installation: Mapping[str, Any]) -> list[dict[str, Any]]:
        session = patient_session(dmp, installation, record, who)
        listed: list[dict[str, Any]] = (
            await session.call("GET", "identity", f"/records/{record}/representatives")
        ).json()
        return listed

    listed = perform(var, look)
    if as_json:
        show_json(listed)
        return
    rows = [
        (
            view["representation_id"],
            view["name"],
            view["basis"],
            view["evidence"],
            view["state"],
            moment(view["starts_at"]),
            moment(view["ends_at"]),
        )
        for view in listed
    ]
    show_table(("representation", "name", "basis", "evidence", "state", "from", "to"), rows, "no representative")


def answer(
    representation: RepresentationArgument,
    answer: Annotated[Answer, typer.Argument(help="The answer.")],
    record: RecordOption,
    var: VarOption,
    who: AsAdministratorOption = ADMINISTRATOR,
    as_json: JsonOption = False,
) -> None:
    """Validate or refuse a waiting representation, as administrator, or as another representative of the patient.

    Exit codes: 0 answered, 1 refused, 2 usage, 3 nothing runs.

    Example: dmp representatives answer UUID validated --record UUID --as patient:OWN:RECORD
    """
    path = f"/records/{record}/representatives/{representation}/answer"

    async def post(dmp: Dmp, installation: Mapping[str, Any]) -> dict[str, Any]:
        session = session_for(dmp, installation, who)
        view: dict[str, Any] = (await session.call("POST", "identity", path, json={"answer": answer.value})).json()
        return view

    _show_one(perform(var, post), as_json)


def end(
    representation: RepresentationArgument, record: RecordOption, var: VarOption, as_json: JsonOption = False
) -> None:
    """End a representation, as administrator.

    Exit codes: 0 ended, 1 refused or no such representation, 3 nothing runs.

    Example: dmp representatives end UUID --record UUID
    """

    async def delete(dmp: Dmp, installation: Mapping[str, Any]) -> dict[str, Any]:
        administrator = session_for(dmp, installation, ADMINISTRATOR)
        path = f"/records/{record}/representatives/{representation}"
        view: dict[str, Any] = (await administrator.call("DELETE", "identity", path)).json()
        return view

    _show_one(perform(var, delete), as_json)


def acting_for(
    own: Annotated[UUID, typer.Argument(metavar="OWN", help="Id of the record of the representative or carer.")],
    var: VarOption,
    as_json: JsonOption = False,
) -> None:
    """List the records in which a patient may act now, as a representative or as a carer (aidant).

    Other commands act there with --as patient:OWN:RECORD.

    Exit codes: 0 listed, 1 refused, 3 nothing runs.

    Example: dmp acting-for UUID
    """

    async def look(dmp: Dmp, _: Mapping[str, Any]) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = (await dmp.patient(own).call("GET", "identity", "/acting-for")).json()
        return listed

    listed = perform(var, look)
    if as_json:
        show_json(listed)
        return
    rows = [(view["record_id"], view["name"], view["relation"]) for view in listed]
    show_table(("record", "name", "relation"), rows, "this person acts for nobody")


def _show_one(view: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        show_json(view)
    else:
        show_table(("representation", "state"), [(view["representation_id"], view["state"])], "")
