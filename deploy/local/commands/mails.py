"""`dmp mails`: what the mail catcher has."""

from typing import Annotated

import typer

from deploy.local import mailbox
from deploy.local.cli import JsonOption, VarOption
from deploy.local.commands.common import EXIT_REFUSED, leave, show_json, show_table
from deploy.local.mailbox import CaughtMail
from deploy.local.paths import Layout

mails = typer.Typer(no_args_is_help=False)


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.add_typer(mails, name="mails")


@mails.callback(invoke_without_command=True)
def list_mails(
    context: typer.Context,
    var: VarOption,
    to: Annotated[str | None, typer.Option("--to", metavar="ADDRESS", help="Only those to this address.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many, the newest last.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """List the mails that were sent on this machine, where they are caught; also when nothing runs.

    Exit codes: 0 listed, 1 (show) no such mail.

    Examples:

    dmp mails --to someone@patient.example

    dmp mails show 3
    """
    if context.invoked_subcommand is not None:
        return
    found = mailbox.caught(Layout(var).mail, to)[-limit:]
    if as_json:
        show_json([_as_json(mail) for mail in found])
        return
    rows = [(mail.number, mail.arrived, mail.to, mail.subject) for mail in found]
    show_table(("number", "arrived", "to", "subject"), rows, "no mail")


@mails.command()
def show(
    var: VarOption,
    number: Annotated[int | None, typer.Argument(metavar="[NUMBER]", help="Of the list; without it, the last.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show one mail."""
    found = [mail for mail in mailbox.caught(Layout(var).mail) if number is None or mail.number == number]
    if not found:
        leave(EXIT_REFUSED, "there is no mail" if number is None else f"there is no mail {number}")
    mail = found[-1]
    if as_json:
        show_json(_as_json(mail) | {"text": mail.text})
        return
    for name in ("From", "To", "Date", "Subject", "Message-ID", "traceparent"):
        print(f"{name}: {mail.message[name]}")
    print(f"\n{mail.text}")


def _as_json(mail: CaughtMail) -> dict[str, object]:
    return {
        "number": mail.number,
        "arrived": mail.arrived.isoformat(),
        "to": mail.to,
        "subject": mail.subject,
        "message_id": str(mail.message["message-id"]),
        "traceparent": str(mail.message["traceparent"]),
        "file": str(mail.path),
    }
