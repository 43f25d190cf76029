"""Presence proofs: the software that read the patient's Vitale card (or its application) attests the reading.

A proof is a JWS signed by the software's registered key, typ `presence-proof+jwt`: `iss` the client id, `aud` this
issuer, `sub` the professional, `sid` their session (of the access token), `jti`, `iat`, `exp` (two minutes at most),
`record_id` or `ins` {value, oid}, `card` the SHA-256 of the serial number, `means` vitale-card or vitale-application.
"""

import contextlib
import hashlib
import json
import re
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

from joserfc import jws, jwt
from joserfc.errors import JoseError, SecurityWarning

from services.identity.clients.domain.assertions import ALGORITHMS, LEEWAY
from services.identity.clients.domain.clients import Client
from services.identity.professionals.domain.professionals import (
    DirectoryEntry,
    NotInDirectoryError,
    ProfessionalSession,
)
from shared.errors import ForbiddenError
from shared.values import Ins, InvalidInsError

PROOF_TYPE: Final = "presence-proof+jwt"
PROOF_LIFETIME = timedelta(minutes=2)
MAX_PROOF_LENGTH = 4096
_CLIENT_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_CARD = re.compile(r"[0-9a-f]{64}")
_MEANS: Final = ("vitale-card", "vitale-application")
_LONGEST_JTI = 256
_MALFORMED = (JoseError, ValueError, KeyError, TypeError, AttributeError, RecursionError)


class PresenceProofInvalidError(ForbiddenError):
    """This is not a valid presence proof for this session: check key, typ, iss, aud, sub, sid, jti, times and
    content."""

    code = "presence-proof-invalid"
    french = "Ce n’est pas une preuve de lecture pour cette session. Lisez la carte de nouveau."


class PresenceProofExpiredError(PresenceProofInvalidError):
    """The presence proof is older than two minutes, or from the future. Read the card again."""

    code = "presence-proof-expired"
    french = "La preuve de lecture a plus de deux minutes, ou vient du futur. Lisez la carte de nouveau."


class PresenceProofReplayedError(PresenceProofInvalidError):
    """This presence proof was used before. Read the card again."""

    code = "presence-proof-replayed"
    french = "Cette preuve de lecture a déjà servi. Lisez la carte de nouveau."


class PresenceElsewhereError(ForbiddenError):
    """The card was read by the software of a structure other than the one you act for."""

    code = "presence-elsewhere"
    french = "La carte a été lue par le logiciel d’une autre structure que celle pour laquelle vous agissez."


class ProfessionalSessionNeededError(ForbiddenError):
    """This needs a token from a professional's own sign-in that has not expired. Sign in again."""

    code = "professional-session-needed"
    french = "Il faut le jeton d’une connexion de professionnel encore valable. Connectez-vous de nouveau."


@dataclass(frozen=True, slots=True, repr=False)
class PresenceProof:
    """A verified proof: the patient, by record id or INS, and the means. `digest` is stored until `expires_at`, so that
    the proof is accepted once."""

    record_id: UUID | None
    ins: Ins | None
    means: Literal["vitale-card", "vitale-application"]
    digest: bytes
    expires_at: datetime


def unverified_reader_id(proof: str) -> str:
    """Returns the client id of the reading software that the proof claims, not verified.

    Raises PresenceProofInvalidError.
    """
    try:
        reader = json.loads(jws.extract_compact(proof.encode()).payload)["iss"]
    except _MALFORMED as error:
        raise PresenceProofInvalidError from error
    if not isinstance(reader, str) or _CLIENT_ID.fullmatch(reader) is None:
        raise PresenceProofInvalidError
    return reader


def presence_refusal(
    client: Client, session: ProfessionalSession, entry: DirectoryEntry | None
) -> ForbiddenError | None:
    """Returns why a valid proof is refused, or None: the reader belongs to another structure, or the professional is no
    longer active in the directory."""
    if client.organisation_id is None or client.organisation_id != session.organisation_id:
        return PresenceElsewhereError()
    if entry is None or not entry.is_active or session.organisation_id not in entry.structure_ids:
        return NotInDirectoryError()
    return None


def verify_presence(
    proof: str, client: Client, session: ProfessionalSession, issuer: str, now: datetime
) -> PresenceProof:
    """Verifies signature, addressees and times of a proof. Raises PresenceProofInvalidError or one of its
    subclasses."""
    claims = _signed_claims(proof, client)
    _check_content(claims, client, session, issuer)
    issued, expires = claims["iat"], claims["exp"]
    if not (isinstance(issued, int) and isinstance(expires, int)) or isinstance(issued, bool):
        raise PresenceProofInvalidError
    moment, leeway = now.timestamp(), LEEWAY.total_seconds()
    if not (issued <= moment + leeway and moment < min(expires, issued + PROOF_LIFETIME.total_seconds()) + leeway):
        raise PresenceProofExpiredError
    digest = hashlib.sha256(f"presence:{claims['jti']}".encode("utf-8", "surrogatepass")).digest()
    record_id, ins = _patient(claims)
    expires_at = datetime.fromtimestamp(issued, UTC) + PROOF_LIFETIME + 2 * LEEWAY
    return PresenceProof(record_id, ins, claims["means"], digest, expires_at)


def _signed_claims(proof: str, client: Client) -> dict[str, Any]:
    try:
        header = jws.extract_compact(proof.encode()).headers()
    except _MALFORMED as error:
        raise PresenceProofInvalidError from error
    if len(proof) > MAX_PROOF_LENGTH or header.get("typ") != PROOF_TYPE:
        raise PresenceProofInvalidError
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)  # "EdDSA" is the old name of "Ed25519" (RFC 9864)
        for key in client.keys:
            if header.get("kid") in (None, key.kid):
                with contextlib.suppress(*_MALFORMED):
                    return jwt.decode(proof, key, algorithms=ALGORITHMS).claims
    raise PresenceProofInvalidError


def _check_content(claims: dict[str, Any], client: Client, session: ProfessionalSession, issuer: str) -> None:
    expected = {"iss": client.id, "aud": issuer, "sub": session.professional_id, "sid": str(session.id)}
    matches = all(claims.get(name) == value for name, value in expected.items())
    jti, card = claims.get("jti"), claims.get("card")
    if (
        not matches
        or not isinstance(jti, str)
        or not 0 < len(jti) <= _LONGEST_JTI
        or not {"iat", "exp"} <= claims.keys()
    ):
        raise PresenceProofInvalidError
    if claims.get("means") not in _MEANS or not isinstance(card, str) or _CARD.fullmatch(card) is None:
        raise PresenceProofInvalidError


def _patient(claims: dict[str, Any]) -> tuple[UUID | None, Ins | None]:
    if ("record_id" in claims) == ("ins" in claims):
        raise PresenceProofInvalidError
    try:
        if "record_id" in claims:
            return UUID(claims["record_id"]), None
        return None, Ins.parse(claims["ins"]["value"], claims["ins"]["oid"])
    except (ValueError, KeyError, TypeError, AttributeError, InvalidInsError) as error:
        raise PresenceProofInvalidError from error
