"""`dmp certificate` and `dmp verify-certificate`: gets a vaccination certificate, checks one with published keys."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import orjson
import typer

from deploy.local.cli.commands.common import (
    EXIT_USAGE,
    AsPatientOption,
    RecordOption,
    check_value,
    fail,
    patient_session,
    perform,
    show_json,
)
from deploy.local.cli.commands.reading import write_content
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.demo.client import Dmp, send
from deploy.local.platform.errors import LocalError
from deploy.local.platform.services import CERTIFICATE_ISSUER
from services.records.certificates.domain.card_content import LARGEST_FILE, cards_in, issuer_of
from services.records.certificates.domain.verification import CardVerifier, VerifiedCard
from services.records.certificates.models import CertificateFormat
from services.records.revocations.domain import RevocationList
from shared.errors import CodedError
from shared.runtime import clock
from shared.terminology.vaccines import vaccine_diseases

PLACE = "/certificates/.well-known"
"""Where records publishes what its issuer's URL promises."""


def register(app: typer.Typer) -> None:
    """Adds the commands to the application."""
    app.command()(certificate)
    app.command("verify-certificate")(verify_certificate)


def certificate(  # noqa: PLR0913  # each is an option of the command line
    var: VarOption,
    record: RecordOption,
    birth_name: Annotated[str, typer.Option("--birth-name", help="As on the identity document.")],
    given_name: Annotated[str, typer.Option("--given-name", help="First given name.")],
    birth_date: Annotated[str, typer.Option("--birth-date", metavar="YYYY-MM-DD")],
    disease: Annotated[str | None, typer.Option("--disease", help="All doses against it, such as measles.")] = None,
    dose: Annotated[
        list[UUID] | None, typer.Option("--dose", metavar="UUID", help="Or this dose, by the id of its fact.")
    ] = None,
    form: Annotated[
        CertificateFormat, typer.Option("--format", help="A file for wallets, a page, or a QR code.")
    ] = CertificateFormat.CARD,
    who: AsPatientOption = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", dir_okay=False, help="A file; default: standard output.")
    ] = None,
) -> None:
    """Get a vaccination certificate (SMART Health Card), as the patient or a representative.

    It states doses that professionals recorded: those against a disease, or the ones that are named.

    Exit codes: 0 issued, 1 refused or nothing to certify, 2 usage, 3 nothing runs.

    Example: dmp certificate --record UUID --birth-name INVENTEE --given-name Zoe --birth-date 1984-02-29
    --disease measles --format pdf -o measles.pdf
    """
    if (disease is None) == (not dose):
        fail(EXIT_USAGE, "give either --disease or --dose")
    if disease is not None:
        check_value("--disease", disease, vaccine_diseases())
    chosen = {"disease": disease} if disease is not None else {"doses": [str(id) for id in dose or ()]}
    body = {"birth_name": birth_name, "given_name": given_name, "birth_date": birth_date, **chosen}

    async def issue(dmp: Dmp, installation: Mapping[str, Any]) -> bytes:
        session = patient_session(dmp, installation, record, who)
        path = f"/records/{record}/certificates?format={form.value}"
        return (await session.call("POST", "records", path, json=body)).content

    write_content(perform(var, issue), output)


def verify_certificate(
    var: VarOption,
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", dir_okay=False, help="A .smart-health-card file, or the text of its QR codes."),
    ],
    keys: Annotated[
        Path | None,
        typer.Option("--keys", metavar="JWKS", dir_okay=False, help="The issuer's keys; default: those of records."),
    ] = None,
    revocations: Annotated[
        list[Path] | None,
        typer.Option("--revocations", metavar="LIST", dir_okay=False, help="A list of revoked ones; with --keys."),
    ] = None,
    issuer: Annotated[
        str, typer.Option("--issuer", metavar="URL", help="The issuer that is trusted.")
    ] = CERTIFICATE_ISSUER,
    as_json: JsonOption = False,
) -> None:
    """Check a vaccination certificate: signature, time, and whether it is revoked; only this issuer is trusted.

    Without --keys, keys and lists come from the running installation; with it, the lists are files too.

    Exit codes: 0 genuine, 1 not genuine, revoked or not readable, 2 usage, 3 nothing runs (and no --keys).

    Example: dmp verify-certificate measles.smart-health-card
    """
    try:
        cards = cards_in(_read(file))
        kids = [kid for card in cards for stated, kid in [issuer_of(card)] if stated == issuer]
        if keys is not None:
            verifier = _offline(issuer, keys, revocations or [])
        else:
            verifier = perform(var, lambda dmp, _: _published(dmp, issuer, kids))
        verified = [verifier.verify(card, clock.now()) for card in cards]
    except CodedError as error:
        raise LocalError(f"{file.name}: {error}") from None
    if as_json:
        show_json([_shown(card) for card in verified])
    else:
        for card in verified:
            typer.echo(_line(card))


def _offline(issuer: str, keys: Path, revocations: list[Path]) -> CardVerifier:
    try:
        lists = [RevocationList.parse(orjson.loads(_read(path))) for path in revocations]
        published = orjson.loads(_read(keys))
    except ValueError as error:
        raise LocalError(f"keys or lists cannot be read: {error}") from None
    return CardVerifier({issuer: published}, {(issuer, revoked.kid): revoked for revoked in lists})


async def _published(dmp: Dmp, issuer: str, kids: list[str]) -> CardVerifier:
    jwks = (await send(dmp.http, dmp.urls, "GET", "records", f"{PLACE}/jwks.json")).json()
    published_kids = {str(jwk.get("kid")) for jwk in jwks["keys"]}
    lists = {
        (issuer, kid): RevocationList.parse(
            (await send(dmp.http, dmp.urls, "GET", "records", f"{PLACE}/crl/{kid}.json")).json()
        )
        for kid in sorted(published_kids.intersection(kids))
    }
    return CardVerifier({issuer: jwks}, lists)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(LARGEST_FILE)
    except OSError as error:
        raise LocalError(f"{path}: {(error.strerror or 'cannot be read').lower()}") from error


def _shown(card: VerifiedCard) -> Mapping[str, Any]:
    doses = [{"day": dose.day, "codes": [{"system": s, "code": c} for s, c in dose.codes]} for dose in card.doses]
    return {
        **{name: getattr(card, name) for name in ("issuer", "kid", "rid", "name", "birth_date")},
        "issued_at": card.issued_at.isoformat(),
        "doses": doses,
    }


def _line(card: VerifiedCard) -> str:
    doses = ", ".join(f"{dose.day} {' = '.join(code for _, code in dose.codes)}" for dose in card.doses)
    issued = f"issued {card.issued_at:%Y-%m-%d} by {card.issuer}"
    return f"genuine: {card.name}, born {card.birth_date}; doses: {doses}; {issued}"
