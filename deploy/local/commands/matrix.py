"""`dmp matrix`: versions of the national matrix of professions and document types."""

from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.local.bootstrap import ADMINISTRATOR
from deploy.local.cli import JsonOption, VarOption
from deploy.local.commands.common import (
    Language,
    LanguageOption,
    cell_of,
    moment,
    perform,
    show_json,
    show_table,
    someone,
    with_zone,
)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="As it was imported, such as 2027-01-01.")]
_HEADINGS = ("matrix", "in force from", "in force", "professions", "cells", "resting on", "imported by", "activated by")


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    matrix = typer.Typer(help="Which profession may read which type of document.", no_args_is_help=True)
    for name, command in (("import", import_), ("list", list_), ("diff", diff), ("activate", activate)):
        matrix.command(name)(command)
    app.add_typer(matrix, name="matrix")


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="CSV of the version.")],
    var: VarOption,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="The file's without its ending, unless said.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Import a version: known everywhere, in force nowhere before it is activated.

    The columns are profession, type, answer (allowed, denied), status (decree, court, default).

    Exit codes: 0 imported, 1 refused, 3 nothing runs.

    Example: dmp matrix import 2027-01-01.csv
    """
    sent = {"params": {"name": name or file.stem}, "content": file.read_bytes()}
    _show([_call(var, "POST", "/matrices", headers={"content-type": "text/csv"}, **sent)], as_json)


def list_(var: VarOption, as_json: JsonOption = False) -> None:
    """Show all versions, packaged ones first.

    Exit codes: 0 shown, 1 refused, 3 nothing runs.
    """
    _show(_call(var, "GET", "/matrices"), as_json)


def diff(
    name: NameArgument, var: VarOption, language: LanguageOption = Language.EN, as_json: JsonOption = False
) -> None:
    """Show in words what a version changes for whom, against the one in force.

    Exit codes: 0 shown, 1 refused, 3 nothing runs.

    Example: dmp matrix diff 2027-01-01 --language fr
    """
    found = _call(var, "GET", f"/matrices/{name}/diff", headers={"accept-language": language.value})
    if as_json:
        show_json(found)
        return
    for one in found["changes"]:
        print(one["sentence"])
    print(found["sentence"])


def activate(
    name: NameArgument,
    var: VarOption,
    since: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="2027-01-01; as soon as can be without it.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say from when a version is in force, everywhere: at the earliest when every service is sure to know of it.

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
    async def call(dmp: Any, found: Any) -> Any:
        asking = someone(dmp, found, ADMINISTRATOR)
        return (await asking.call(method, "consent", path, **options)).json()

    return perform(var, call)


def _show(found: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        show_json(found)
        return
    show_table(_HEADINGS, [_row(one) for one in found], "no matrix")


def _row(one: dict[str, Any]) -> tuple[object, ...]:
    sources = ", ".join(f"{source} {count}" for source, count in (one["sources"] or {}).items() if count)
    since, active = moment(one["active_from"]), "yes" if one["in_force"] else "no"
    people = (_by(one, "imported"), _by(one, "activated"))
    return one["name"], since, active, one["professions"], one["cells"], sources or None, *people


def _by(one: dict[str, Any], what: str) -> str | None:
    who, when = one[f"{what}_by"], moment(one[f"{what}_at"])
    return None if who is None else f"{who}, {cell_of(when)}"
