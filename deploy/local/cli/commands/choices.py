"""`dmp choices`, `choices-history`, `emergency` and `preferences`: what a patient chose about a record."""

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
from deploy.local.cli.commands.rights import may_be_taken, show_status
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.cli.names import load_names, named
from deploy.local.demo.client import Dmp, Session

_WAIT = {"prefer": "wait=10"}
_HOLDERS = ("blocked", "attending_doctors", "feeding_objections", "attestation_objections")


def register(app: typer.Typer) -> None:
    """Adds the commands to the application."""
    app.command()(choices)
    app.command("choices-history")(history)
    app.command()(emergency)
    app.command()(preferences)


def choices(
    record: RecordOption,
    var: VarOption,
    version: Annotated[int | None, typer.Option(min=1, help="An earlier version; default: the present one.")] = None,
    who: AsPatientOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the choices of a record's patient.

    Exit codes: 0 shown, 1 refused, 3 nothing runs.

    Example: dmp choices --record UUID
    """
    path = f"/records/{record}/choices" + ("" if version is None else f"/versions/{version}")

    async def look(dmp: Dmp, installation: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        state = await _json_of(patient_session(dmp, installation, record, who), "GET", path)
        return state, await load_names(installation, _holder_ids(state.get("choices", state)))

    state, names = perform(var, look)
    if as_json:
        show_json(state)
        return
    last = (f"version {state['version']}", state.get("status", "an earlier one"))
    show_table(("choice", "value"), [*_rows(state.get("choices", state), names), last], "")


def history(record: RecordOption, var: VarOption, who: AsPatientOption = None, as_json: JsonOption = False) -> None:
    """List the changes of a record's choices and their authors, the newest first.

    Exit codes: 0 shown, 1 refused, 3 nothing runs.

    Example: dmp choices-history --record UUID
    """
    path = f"/records/{record}/choices/history?limit=100"

    async def look(dmp: Dmp, installation: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        answer = await _json_of(patient_session(dmp, installation, record, who), "GET", path)
        ids = [change[name] for change in answer["changes"] for name in ("subject_id", "by_id")]
        return answer, await load_names(installation, ids)

    answer, names = perform(var, look)
    if as_json:
        show_json(answer)
        return
    rows = [
        (
            change["version"],
            change["action"],
            named(change["subject_id"], names),
            named(change["by_id"], names) or change["by"],
            moment(change["changed_at"]),
        )
        for change in answer["changes"]
    ]
    show_table(("version", "change", "of", "by", "at"), rows, "no choice was made yet")


def emergency(
    record: RecordOption,
    var: VarOption,
    break_glass: Annotated[bool | None, typer.Option(help="Professionals, with a motive.")] = None,
    regulation_centre: Annotated[bool | None, typer.Option(help="The regulating doctor of a centre 15.")] = None,
    masked_documents: Annotated[bool | None, typer.Option(help="Also masked documents and hidden sections.")] = None,
    who: AsPatientOption = None,
    as_json: JsonOption = False,
) -> None:
    """Choose which parts of a record may be read in emergencies, as its patient; omitted options stay unchanged.

    Break-glass (bris de glace) is the reading by a professional whom nobody authorised; the centre 15 answers the
    emergency number of France.

    Exit codes: 0 in force, 1 refused, 3 nothing runs, 4 still on its way.

    Example: dmp emergency --record UUID --no-break-glass
    """
    chosen = {
        "break_glass": break_glass,
        "regulation_centre": regulation_centre,
        "masked_documents": masked_documents,
    }

    async def change(dmp: Dmp, installation: Mapping[str, Any]) -> dict[str, Any]:
        patient = patient_session(dmp, installation, record, who)
        present = await patient.call("GET", "consent", f"/records/{record}/choices")
        body = present.json()["emergency"] | {name: on for name, on in chosen.items() if on is not None}
        headers = {**_WAIT, "if-match": present.headers["etag"]}
        return await _json_of(patient, "PUT", f"/records/{record}/emergency", json=body, headers=headers)

    show_status(perform(var, change, may_be_taken(record)), as_json)


def preferences(
    record: RecordOption,
    var: VarOption,
    document: Annotated[bool | None, typer.Option(help="A mail for a new document.")] = None,
    consultation: Annotated[bool | None, typer.Option(help="A mail for a consultation.")] = None,
    who: AsPatientOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show which mails the patient of a record receives, or switch them on and off.

    Exit codes: 0 done, 1 refused, 3 nothing runs.

    Examples:

    dmp preferences --record UUID

    dmp preferences --record UUID --no-consultation
    """
    chosen = {"document": document, "consultation": consultation}
    path = f"/records/{record}/preferences"

    async def change(dmp: Dmp, installation: Mapping[str, Any]) -> dict[str, Any]:
        patient = patient_session(dmp, installation, record, who)
        present: dict[str, Any] = (await patient.call("GET", "notify", path)).json()
        changed = present | {name: value for name, value in chosen.items() if value is not None}
        if changed == present:
            return present
        answer: dict[str, Any] = (await patient.call("PUT", "notify", path, json=changed)).json()
        return answer

    answer = perform(var, change)
    if as_json:
        show_json(answer)
    else:
        show_table(("mail for a", "enabled"), [(name, _yes(on)) for name, on in answer.items()], "")


def _rows(state: Mapping[str, Any], names: Mapping[str, str]) -> list[tuple[object, ...]]:
    """Returns the rows of a state: one for each holder, so that a whole number stands beside its name."""
    rows: list[tuple[object, ...]] = [
        ("authorised", _authorisation(authorisation, names)) for authorisation in state["authorisations"]
    ] or [("authorised", None)]
    for kind in _HOLDERS:
        holders = state.get(kind, [])
        rows += [(kind.replace("_", " "), named(id, names)) for id in holders] or [(kind.replace("_", " "), None)]
    rows += [
        ("objection collected", f"{named(objection['structure_id'], names)}, on {objection['informed_on']}")
        for objection in state.get("collected_objections", [])
    ]
    rows.append(("hidden sections", ", ".join(state["hidden_sections"]) or None))
    rows += [(f"application {use['application_id']}", ", ".join(use["sections"])) for use in state["applications"]]
    rows += [(name.replace("_", " "), _yes(state[name])) for name in ("care_team_objected", "mask_new_documents")]
    rows += [(f"in an emergency: {name.replace('_', ' ')}", _yes(on)) for name, on in state["emergency"].items()]
    return rows


def _authorisation(authorisation: Mapping[str, Any], names: Mapping[str, str]) -> str:
    until = authorisation.get("until")
    return f"{named(authorisation['holder_id'], names)}, {authorisation['how']}" + (f", until {until}" if until else "")


def _holder_ids(state: Mapping[str, Any]) -> list[str]:
    holders = [id for kind in _HOLDERS for id in state.get(kind, [])]
    return holders + [authorisation["holder_id"] for authorisation in state["authorisations"]]


def _yes(value: bool) -> str:
    return "yes" if value else "no"


async def _json_of(session: Session, method: str, path: str, **options: Any) -> dict[str, Any]:
    answer: dict[str, Any] = (await session.call(method, "consent", path, **options)).json()
    return answer
