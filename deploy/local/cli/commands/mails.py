"""`dmp mails`: the mails, SMS and postal letters that were sent on this machine."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.local.cli.commands.common import EXIT_REFUSED, fail, show_json, show_table
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.demo import mailbox
from deploy.local.demo.mailbox import CaughtMail, CaughtText
from deploy.local.platform.paths import Layout

mails = typer.Typer(no_args_is_help=False)
SmsOption = Annotated[bool, typer.Option("--sms", help="Show SMS instead of mails.")]
LettersOption = Annotated[bool, typer.Option("--letters", help="Show letters instead of mails.")]


def register(app: typer.Typer) -> None:
    """Adds the command to the application."""
    app.add_typer(mails, name="mails")


@mails.callback(invoke_without_command=True)
def list_mails(
    context: typer.Context,
    var: VarOption,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="ADDRESS", help="Only those to this address, number, or name on a letter."),
    ] = None,
    sms: SmsOption = False,
    letters: LettersOption = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many, the newest last.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """List the mails, SMS or letters that this machine has caught instead of sending them; works when nothing runs too.

    Exit codes: 0 listed, 1 (show) no such message.

    Examples:

    dmp mails --to someone@patient.example

    dmp mails show 3

    dmp mails --sms --to +33699990001

    dmp mails show --letters
    """
    if context.invoked_subcommand is not None:
        return
    messages = _messages(var, sms, letters, to)[-limit:]
    if as_json:
        show_json([_as_json(caught) for caught in messages])
        return
    rows = [(caught.number, caught.arrived, caught.to, caught.text if sms else caught.subject) for caught in messages]
    show_table(("number", "arrived", "to", "text" if sms else "subject"), rows, f"no {_name(sms, letters)}")


@mails.command()
def show(
    var: VarOption,
    number: Annotated[int | None, typer.Argument(metavar="[NUMBER]", help="In the list; default: the last.")] = None,
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
    messages = [caught for caught in _messages(var, sms, letters) if number is None or caught.number == number]
    if not messages:
        name = _name(sms, letters)
        fail(EXIT_REFUSED, f"there is no {name}" if number is None else f"there is no {name} {number}")
    caught = messages[-1]
    if as_json:
        show_json(_as_json(caught) | {"text": caught.text})
        return
    if isinstance(caught, CaughtMail):
        for name in ("From", "To", "Date", "Subject", "Message-ID", "traceparent"):
            print(f"{name}: {caught.message[name]}")
        print()
    elif sms:
        print(f"To: {caught.to}\n")
    print(caught.text)


def _messages(var: Path, sms: bool, letters: bool, to: str | None = None) -> list[CaughtMail] | list[CaughtText]:
    layout = Layout(var)
    if sms and letters:
        fail(EXIT_REFUSED, "choose either --sms or --letters")
    if sms:
        return mailbox.caught_sms(layout, to)
    return mailbox.caught_letters(layout, to) if letters else mailbox.caught_mails(layout.mail, to)


def _name(sms: bool, letters: bool) -> str:
    return "SMS" if sms else "letter" if letters else "mail"


def _as_json(caught: CaughtMail | CaughtText) -> dict[str, object]:
    common: dict[str, object] = {"number": caught.number, "arrived": caught.arrived.isoformat(), "to": caught.to}
    match caught:
        case CaughtMail(message=message):
            ids = {"message_id": str(message["message-id"]), "traceparent": str(message["traceparent"])}
            return {**common, "subject": caught.subject, **ids, "file": str(caught.path)}
        case _:
            return {**common, "subject": caught.subject, "file": str(caught.path)}
