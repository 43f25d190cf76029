"""`dmp matrix`: versions of the national matrix of professions and document types."""

from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.local.cli.commands.common import (
    Language,
    LanguageOption,
    moment,
    perform,
    session_for,
    show_json,
    show_table,
    with_zone,
)
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.cli.tables import cell_of
from deploy.local.demo.credentials import ADMINISTRATOR

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the version, such as 2027-01-01.")]
_HEADINGS = ("matrix", "in force from", "in force", "professions", "cells", "resting on", "imported by", "activated by")


def register(app: typer.Typer) -> None:
    """Adds the commands to the application."""
    matrix = typer.Typer(help="Which profession may read which type of document.", no_args_is_help=True)
    for name, command in (("import", import_), ("list", list_), ("diff", diff), ("activate", activate)):
        matrix.command(name)(command)
    app.add_typer(matrix, name="matrix")


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="CSV of the version.")],
    var: VarOption,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Default: the file's name without its ending.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Import a version. It comes into force only when it is activated.

    The columns are profession, type, answer (allowed, denied), status (decree, court, default).

    Exit codes: 0 imported, 1 refused, 3 nothing runs.

    Example: dmp matrix import 2027-01-01.csv
    """
    sent = {"params": {"name": name or file.stem}, "content": file.read_bytes()}
    _show([_call(var, "POST", "/matrices", headers={"content-type": "text/csv"}, **sent)], as_json)


def list_(var: VarOption, as_json: JsonOption = False) -> None:
    """List all versions, the packaged ones first.

    Exit codes: 0 shown, 1 refused, 3 nothing runs.

    Example: dmp matrix list
    """
    _show(_call(var, "GET", "/matrices"), as_json)


def diff(
    name: NameArgument, var: VarOption, language: LanguageOption = Language.EN, as_json: JsonOption = False
) -> None:
    """Show in words what a version changes for each profession, compared with the version in force.

    Exit codes: 0 shown, 1 refused, 3 nothing runs.

    Example: dmp matrix diff 2027-01-01 --language fr
    """
    comparison = _call(var, "GET", f"/matrices/{name}/diff", headers={"accept-language": language.value})
    if as_json:
        show_json(comparison)
        return
    for change in comparison["changes"]:
        print(change["sentence"])
    print(comparison["sentence"])


def activate(
    name: NameArgument,
    var: VarOption,
    since: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="Such as 2027-01-01; default: as soon as possible.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Set the date from which a version is in force everywhere; at the earliest once every service must have it.

    Exit codes: 0 done, 1 refused, 2 no date, 3 nothing runs.

    Example: dmp matrix activate 2027-01-01 --from 2027-01-01
    """
    body = {} if since is None else {"from": with_zone(since)}
    active = _call(var, "POST", f"/matrices/{name}/activation", json=body)
    if as_json:
        show_json([active])
        return
    print(f"{name} comes into force everywhere on {cell_of(moment(active['active_from']))}")


def _call(var: Path, method: str, path: str, **options: Any) -> Any:
    async def call(dmp: Any, installation: Any) -> Any:
        administrator = session_for(dmp, installation, ADMINISTRATOR)
        return (await administrator.call(method, "consent", path, **options)).json()

    return perform(var, call)


def _show(versions: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        show_json(versions)
        return
    show_table(_HEADINGS, [_row(version) for version in versions], "no matrix")


def _row(version: dict[str, Any]) -> tuple[object, ...]:
    sources = ", ".join(f"{source} {count}" for source, count in (version["sources"] or {}).items() if count)
    since, active = moment(version["active_from"]), "yes" if version["in_force"] else "no"
    people = (_by(version, "imported"), _by(version, "activated"))
    return version["name"], since, active, version["professions"], version["cells"], sources or None, *people


def _by(version: dict[str, Any], action: str) -> str | None:
    who, when = version[f"{action}_by"], moment(version[f"{action}_at"])
    return None if who is None else f"{who}, {cell_of(when)}"
