"""What an installation says of its edge: names, addresses, files and limits."""

from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from deploy.cli.operator_routes import OPERATORS_PORT
from shared.contracts.declarations import SERVICES
from shared.loopback import is_loopback

LARGEST_BODY: Final = 20 * 1024 * 1024
"""As HTTP__BODY_LIMIT of the services, bytes."""


class Limits(BaseModel):
    """What the edge lets through. The services have limits of their own behind it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    requests_per_s: int = Field(default=100, ge=1, description="of one address (IPv6: /64), sustained")
    burst: int = Field(default=200, ge=1, description="of one address, at once")
    connections: int = Field(default=20_000, ge=1, description="open at once, of all listeners")
    mllp_connections: int = Field(default=256, ge=1, description="of MLLP, as RECORDS_MLLP__MAX_CONNECTIONS")
    body: int = Field(default=LARGEST_BODY, ge=1, description="announced bytes of a body")
    head_kib: int = Field(default=14, ge=1, le=15, description="of a head: the services take 16 with what is added")
    fields: int = Field(default=90, ge=1, le=95, description="of a head: the services take 100 with those added")
    head_s: float = Field(default=10, gt=0, description="for a whole head")
    request_s: float = Field(default=360, gt=0, description="for a whole request: the largest body at 64 KB/s")
    silence_s: float = Field(default=30, gt=0, description="without a byte within a request or its answer")
    answer_s: float = Field(default=60, gt=0, description="for an answer, from the end of the request")
    download_s: float = Field(default=3600, gt=0, description="for a copy of a record or a list of accesses, likewise")
    connection_s: float = Field(default=3600, gt=0, description="age of a connection; requests in work are finished")


class EdgeSettings(BaseModel):
    """One edge. Addresses are `host:port`; files are PEM, read again when they are replaced (renamed into place)."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    domain: str = Field(description="of the hosts `<service>.`, `dossier.` (pages) and `cards.`")
    host: str = Field(default="0.0.0.0", description="where all listeners listen")
    https_port: int = Field(default=443, description="of callers without a certificate")
    cards_port: int = Field(default=8443, description="of cards and organisations, which must show a certificate")
    mllp_port: int = Field(default=2575, description="of HL7 v2; its TLS ends at records")
    operators_port: int = Field(default=OPERATORS_PORT, description="of operators, who must show a certificate")
    admin_port: int = Field(default=9901, description="of Envoy's own pages, on the loopback")
    services: dict[str, str] = Field(description="the address of each API", min_length=len(SERVICES))
    workers: dict[str, str] = Field(default={}, description="the address of each worker, for operators; none: closed")
    mllp: str = Field(description="the address of records' MLLP listener")
    monitor_port: int | None = Field(default=None, description="of readiness and metrics, which callers must not reach")
    signer: str = Field(
        default="127.0.0.1:9902", description="the address of the signer, on the loopback, or the path of its socket"
    )
    certificate: Path = Field(description="the edge's certificate chain, for all names")
    key: Path = Field(description="its private key")
    card_authorities: Path = Field(description="roots and issuers of cards and organisations")
    operator_authorities: Path | None = Field(default=None, description="issuers of operators' certificates")
    service_authorities: Path | None = Field(
        default=None,
        description="those of the APIs' and workers' certificates; without it the edge speaks plain HTTP to loopback",
    )
    service_certificate: Path | None = Field(
        default=None, description="the chain by which the edge proves to the APIs that it may name their clients"
    )
    service_key: Path | None = Field(default=None, description="its private key")
    limits: Limits = Limits()

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Raises ValueError if a service is missing, or if something would travel unencrypted beyond this machine."""
        if set(self.services) != set(SERVICES):
            raise ValueError(f"services: the addresses of {', '.join(SERVICES)} are needed, and no others")
        if self.workers and set(self.workers) != set(SERVICES):
            raise ValueError(f"workers: the addresses of {', '.join(SERVICES)} are needed, and no others")
        if bool(self.workers) is not (self.operator_authorities is not None):
            raise ValueError("workers and operator_authorities go together")
        addresses = (*self.services.values(), *self.workers.values())
        if self.service_authorities is None and not all(is_loopback(address) for address in addresses):
            raise ValueError("service_authorities is needed for services beyond this machine")
        proof = {self.service_certificate is not None, self.service_key is not None}
        if len(proof) > 1 or (proof == {True} and self.service_authorities is None):
            raise ValueError("service_certificate and service_key go together, with service_authorities")
        if not is_loopback(self.signer) and not self.signer.startswith("/"):
            raise ValueError("signer: it listens on the loopback alone, or on a socket")
        return self
