"""What verifiers of certificates fetch below the issuer's URL: public keys and lists of revoked certificates."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Response

from services.records.certificates.context import InjectedCardIssuer
from services.records.certificates.models import CertificateKeys, RevokedCertificates
from services.records.certificates.usecases.publish_revocations import key_set, revocation_list
from shared.http.app import ServicePool
from shared.http.door import Door

router = APIRouter(route_class=Door, tags=["Certificates"])
PUBLISHED: Final = {"cache-control": "public, max-age=300", "access-control-allow-origin": "*"}
"""Verifiers run in browsers too (SMART Health Cards Framework 1.4)."""


@router.get(
    "/certificates/.well-known/jwks.json",
    operation_id="getCertificateKeys",
    summary="Public keys of vaccination certificates",
)
async def get_keys(response: Response, issuer: InjectedCardIssuer, pool: ServicePool) -> CertificateKeys:
    """Returns the keys with which a certificate is verified (RFC 7517), and the version of the list of each."""
    response.headers.update(PUBLISHED)
    return CertificateKeys.model_validate({"keys": await key_set(pool, issuer.keys)})


@router.get(
    "/certificates/.well-known/crl/{kid}.json",
    operation_id="getRevokedCertificates",
    summary="Revoked vaccination certificates of a key",
    responses={404: {"description": "The issuer has no such key."}},
)
async def get_revoked(
    kid: Annotated[str, Path(description="id of the key", max_length=64)],
    response: Response,
    issuer: InjectedCardIssuer,
    pool: ServicePool,
) -> RevokedCertificates:
    """Returns the certificates of this key that count no more: random numbers, which name nobody."""
    response.headers.update(PUBLISHED)
    return RevokedCertificates.model_validate((await revocation_list(pool, issuer.keys, kid)).published())
