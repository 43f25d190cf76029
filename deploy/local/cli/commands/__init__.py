"""The commands of `dmp` that use a running installation, for developers, hospitals and operators."""

import typer

from deploy.local.cli.commands import (
    asking,
    campaigns,
    choices,
    clients,
    dead_letters,
    demo,
    deposits,
    emergencies,
    erasures,
    figures,
    imports,
    keys,
    links,
    mails,
    matrix,
    offsets,
    own,
    reading,
    records,
    recovery,
    registrations,
    replay,
    telephones,
    topics,
)


def register(app: typer.Typer) -> None:
    """Adds the commands to the application."""
    for module in (
        demo,
        clients,
        registrations,
        records,
        links,
        deposits,
        reading,
        own,
        choices,
        asking,
        matrix,
        mails,
        topics,
        dead_letters,
        offsets,
        imports,
        keys,
        telephones,
        erasures,
        campaigns,
        figures,
        recovery,
        replay,
        emergencies,
    ):
        module.register(app)
