"""A test PKI modelled on the IGC-Santé: a root, an issuer of cards, an issuer of organisations' certificates.

`make_pki(folder)` writes authorities, leaves with their keys, and revocation lists. None of them is ever committed.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from deploy.local.platform.paths import write_private

YEAR = timedelta(days=365)
_PEM = serialization.Encoding.PEM


@dataclass(frozen=True, repr=False)
class Issued:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def der(self) -> bytes:
        """The certificate in DER."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> bytes:
        """The certificate in PEM."""
        return self.certificate.public_bytes(_PEM)

    @property
    def key_pem(self) -> bytes:
        """The private key in PEM, unencrypted."""
        return self.key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


@dataclass(frozen=True)
class Pki:
    """The authorities, which issue leaves and revocation lists."""

    root: Issued
    persons: Issued
    organisations: Issued

    def card(self, professional_id: str, **changes: object) -> Issued:
        """Issues the authentication certificate of a card: CN = PS_IdNat."""
        return _leaf(self.persons, _name(professional_id), changes)

    def organisation(self, structure_id: str, name: str = "dpi.hopital.example", **changes: object) -> Issued:
        """Issues the authentication certificate of an organisation: OU = Struct_IdNat."""
        return _leaf(self.organisations, _name(name, structure_id), changes)

    def lists(self, revoked: Sequence[Issued] = (), *, age: timedelta = timedelta()) -> bytes:
        """Returns the three revocation lists in PEM, issued `age` ago and valid for seven days."""
        made = datetime.now(UTC) - age - timedelta(minutes=1)
        revocation_lists = (_list(issuer, revoked, made) for issuer in (self.root, self.persons, self.organisations))
        return b"".join(revocation_list.public_bytes(_PEM) for revocation_list in revocation_lists)


def new_pki() -> Pki:
    """Returns new authorities with new keys."""
    root = _authority("TEST AC RACINE", None)
    return Pki(root, _authority("TEST AC PERSONNES", root), _authority("TEST AC ORGANISATIONS", root))


def make_pki(folder: Path, professional_id: str, structure_id: str) -> Pki:
    """Writes a PKI into a folder: a card, an organisation, a revoked card, an expired card, the proxy's certificate."""
    pki = new_pki()
    leaves = {
        "card": pki.card(professional_id),
        "organisation": pki.organisation(structure_id),
        "revoked": pki.card(professional_id),
        "expired": pki.card(professional_id, starts=-2 * YEAR, ends=-YEAR),
        "edge": _leaf(pki.organisations, _name("127.0.0.1"), {"server": True}),
    }
    write_authorities(pki, folder, revoked=[leaves["revoked"]])
    for name, leaf in leaves.items():
        write_private(folder / f"{name}.pem", (leaf.key_pem + leaf.pem).decode())
    return pki


def write_authorities(pki: Pki, folder: Path, revoked: Sequence[Issued] = ()) -> None:
    """Writes `roots.pem`, `persons.pem`, `organisations.pem` and `revocations.pem`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, issued in (("roots", pki.root), ("persons", pki.persons), ("organisations", pki.organisations)):
        (folder / f"{name}.pem").write_bytes(issued.pem)
    write_lists(folder, pki.lists(revoked))


def write_lists(folder: Path, lists: bytes) -> None:
    """Replaces the revocation lists atomically."""
    draft = folder / ".revocations.pem"
    draft.write_bytes(lists)
    draft.rename(folder / "revocations.pem")


def _name(common: str, unit: str | None = None) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COUNTRY_NAME, "FR"), x509.NameAttribute(NameOID.ORGANIZATION_NAME, "TEST")]
    parts += [x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit)] if unit else []
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _authority(name: str, issuer: Issued | None) -> Issued:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(name)
    above = key if issuer is None else issuer.key
    usage = _usage(digital_signature=False, key_cert_sign=True, crl_sign=True)
    builder = (
        _dated(subject, subject if issuer is None else issuer.certificate.subject, key, -YEAR, 10 * YEAR)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None if issuer is None else 0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(above.public_key()), critical=False)
    )
    return Issued(builder.sign(above, hashes.SHA256()), key)


def _leaf(issuer: Issued, subject: x509.Name, changes: dict[str, object]) -> Issued:
    """Issues a leaf. `starts`, `ends`: from now; `server`: for the proxy; `signs`, `purpose`, `ca`: for wrong ones."""
    key = ec.generate_private_key(ec.SECP256R1())
    starts, ends = changes.get("starts", timedelta(days=-1)), changes.get("ends", YEAR)
    assert isinstance(starts, timedelta), "a duration from now"
    assert isinstance(ends, timedelta), "a duration from now"
    server = changes.get("server", False)
    purpose = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
    extended_usage = changes.get("purpose", purpose)
    assert isinstance(extended_usage, x509.ObjectIdentifier), "an OID"
    signs = bool(changes.get("signs", True))
    builder = (
        _dated(subject, issuer.certificate.subject, key, starts, ends)
        .add_extension(x509.BasicConstraints(ca=bool(changes.get("ca", False)), path_length=None), critical=True)
        .add_extension(_usage(digital_signature=signs, key_agreement=not signs), critical=True)
        .add_extension(x509.ExtendedKeyUsage([extended_usage]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False)
    )
    if server:
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return Issued(builder.sign(issuer.key, hashes.SHA256()), key)


def _dated(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, starts: timedelta, ends: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + starts)
        .not_valid_after(now + ends)
    )


def _usage(**enabled: bool) -> x509.KeyUsage:
    names = (
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
        *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
    )
    return x509.KeyUsage(**{name: enabled.get(name, False) for name in names})


def _list(issuer: Issued, revoked: Sequence[Issued], made: datetime) -> x509.CertificateRevocationList:
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(made)
        .next_update(made + timedelta(days=7))
    )
    for leaf in revoked:
        if leaf.certificate.issuer == issuer.certificate.subject:
            entry = x509.RevokedCertificateBuilder().serial_number(leaf.certificate.serial_number)
            builder = builder.add_revoked_certificate(entry.revocation_date(made).build())
    return builder.sign(issuer.key, hashes.SHA256())
