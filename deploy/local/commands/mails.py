"""`dmp mails`: what people were sent on this machine, by mail, SMS and letter."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.local import mailbox
from deploy.local.cli import JsonOption, VarOption
from deploy.local.commands.common import EXIT_REFUSED, leave, show_json, show_table
from deploy.local.mailbox import CaughtMail, CaughtText
from deploy.local.paths import Layout

mails = typer.Typer(no_args_is_help=False)
SmsOption = Annotated[bool, typer.Option("--sms", help="SMS instead of mails.")]
LettersOption = Annotated[bool, typer.Option("--letters", help="Letters instead of mails.")]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.add_typer(mails, name="mails")


@mails.callback(invoke_without_command=True)
def list_mails(
    context: typer.Context,
    var: VarOption,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="ADDRESS", help="Only those to this address, number, or first line of a letter."),
    ] = None,
    sms: SmsOption = False,
    letters: LettersOption = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many, the newest last.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """List the mails, SMS or letters that were sent on this machine, where they are caught; also when nothing runs.

    Exit codes: 0 listed, 1 (show) no such message.

    Examples:

    dmp mails --to someone@patient.example

    dmp mails show 3

    dmp mails --sms --to +33699990001

    dmp mails show --letters
    """
    if context.invoked_subcommand is not None:
        return
    found = _found(var, sms, letters, to)[-limit:]
    if as_json:
        show_json([_as_json(one) for one in found])
        return
    rows = [(one.number, one.arrived, one.to, one.text if sms else one.subject) for one in found]
    show_table(("number", "arrived", "to", "text" if sms else "subject"), rows, f"no {_name(sms, letters)}")


@mails.command()
def show(
    var: VarOption,
    number: Annotated[int | None, typer.Argument(metavar="[NUMBER]", help="Of the list; without it, the last.")] = None,
    sms: SmsOption = False,
    letters: LettersOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show one mail, SMS or letter.

    Exit codes: 0 shown, 1 no such message.

    Examples:

    dmp mails show 3

    dmp mails show --sms
    """
    found = [one for one in _found(var, sms, letters) if number is None or one.number == number]
    if not found:
        name = _name(sms, letters)
        leave(EXIT_REFUSED, f"there is no {name}" if number is None else f"there is no {name} {number}")
    one = found[-1]
    if as_json:
        show_json(_as_json(one) | {"text": one.text})
        return
    if isinstance(one, CaughtMail):
        for name in ("From", "To", "Date", "Subject", "Message-ID", "traceparent"):
            print(f"{name}: {one.message[name]}")
        print()
    elif sms:
        print(f"To: {one.to}\n")
    print(one.text)


def _found(var: Path, sms: bool, letters: bool, to: str | None = None) -> list[CaughtMail] | list[CaughtText]:
    layout = Layout(var)
    if sms and letters:
        leave(EXIT_REFUSED, "choose one: --sms or --letters")
    if sms:
        return mailbox.caught_sms(layout.sms, to)
    return mailbox.caught_letters(layout.letters, to) if letters else mailbox.caught(layout.mail, to)


def _name(sms: bool, letters: bool) -> str:
    return "SMS" if sms else "letter" if letters else "mail"


def _as_json(one: CaughtMail | CaughtText) -> dict[str, object]:
    said: dict[str, object] = {"number": one.number, "arrived": one.arrived.isoformat(), "to": one.to}
    match one:
        case CaughtMail(message=message):
            ids = {"message_id": str(message["message-id"]), "traceparent": str(message["traceparent"])}
            return {**said, "subject": one.subject, **ids, "file": str(one.path)}
        case _:
            return {**said, "subject": one.subject, "file": str(one.path)}
