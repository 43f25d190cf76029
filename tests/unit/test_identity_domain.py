"""Identity's rules, without a database."""

import json
from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from services.identity.domain import clients, directory, new_person
from services.identity.domain.places import is_loopback
from services.identity.domain.sealed_rows import Sealed, open_row, seal_row
from services.identity.domain.tokens import SigningKeys, SigningKeysError, TokenIssuer, TokenSubject
from shared.crypto.fingerprints import ins_parts, trait_fingerprints, trait_parts
from shared.crypto.keyring import Keyring, SealBrokenError
from shared.errors import ClientError
from shared.values import Ins, InvalidNationalIdError, InvalidTraitsError, Sex, StrictTraits
from tests.infra.identity_api import DEMO_OID, KEYRING, NIR_OID, OTHER_KEYRING, TEST_OID, new_key, nir, public

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
RING = Keyring.parse(KEYRING)
PERSON = new_person.Person(Ins(nir(), TEST_OID), StrictTraits("D'INVENTÉE", "Zoé", "1955-06-12", Sex.FEMALE, "63220"))


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("[::1]:8401", True),
        ("localhost", True),
        ("localhost:8401", True),
        ("127.0.0.1:8401", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.1.2.3", False),
        ("localhost.example", False),
        ("127.0.0.1.example", False),
        ("example:127", False),
        ("", False),
        ("[", False),
        ("[::1", False),
    ],
)
def test_only_this_machines_loopback_is_here(host: str, here: bool) -> None:
    assert is_loopback(host) is here


def test_test_and_production_numbers_never_meet_and_the_two_test_systems_do() -> None:
    fingerprints = {oid: RING.fingerprint(*ins_parts(Ins(nir(), oid))) for oid in (NIR_OID, TEST_OID, DEMO_OID)}
    assert fingerprints[TEST_OID] == fingerprints[DEMO_OID]
    assert fingerprints[TEST_OID] != fingerprints[NIR_OID]


def test_equal_traits_of_two_records_have_different_fingerprints() -> None:
    first_id, second_id = uuid4(), uuid4()
    traits = PERSON.traits.normalised()
    first, second = trait_fingerprints(RING, first_id, traits), trait_fingerprints(RING, second_id, traits)
    assert first.keys() == traits.keys()
    assert not set(first.values()) & set(second.values())
    assert RING.matches(first["sex"], *trait_parts(first_id, "sex", "female"))


def test_a_person_is_sealed_to_one_row_and_comes_back_whole_after_a_change_of_keys() -> None:
    row = uuid4()
    sealed = seal_row(RING, PERSON.as_json(), "person", row)
    rotated = Keyring.parse(f"{OTHER_KEYRING},{KEYRING}")
    assert new_person.Person.from_json(open_row(rotated, sealed, "person", row)) == PERSON
    assert seal_row(rotated, b"", "person", row).key_id == "next"
    for place in (("person", uuid4()), ("contact", row)):
        with pytest.raises(SealBrokenError):
            open_row(RING, sealed, *place)
    with pytest.raises(SealBrokenError):
        open_row(RING, Sealed("gone", sealed.data), "person", row)


def test_a_person_and_a_contact_are_never_printed() -> None:
    contact = new_person.checked_contact("zoe@patient.example", "fr", "holder")
    assert f"{PERSON} {contact!r}" == "Person(...) Contact(...)"


@pytest.mark.parametrize(
    ("mail", "language", "relation", "code"),
    [
        ("zoe", "fr", "holder", "mail-invalid"),
        ("zoe@localhost", "fr", "holder", "mail-invalid"),
        ("zoé@patient.example", "fr", "holder", "mail-invalid"),
        ("zoe@patient.example\nBcc: all@x.example", "fr", "holder", "mail-invalid"),
        (f"zoe@{'a' * 60}.{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 60}.example", "fr", "holder", "mail-invalid"),
        ("", "fr", "holder", "mail-invalid"),
        ("zoe@patient.example", "de", "holder", "language-unknown"),
        (None, "fr", "neighbour", "relation-unknown"),
    ],
)
def test_a_contact_that_cannot_be_used_is_refused(mail: str | None, language: str, relation: str, code: str) -> None:
    with pytest.raises(ClientError) as refused:
        new_person.checked_contact(mail, language, relation)
    assert refused.value.code == code


@pytest.mark.parametrize("mail", ["zoe@patient.example", "a+b.c@x-y.example", None])
def test_a_contact_may_have_a_mail_address_or_none(mail: str | None) -> None:
    assert json.loads(new_person.checked_contact(mail, "en", "representative").as_json()) == {
        "mail": mail,
        "language": "en",
        "relation": "representative",
    }


@pytest.mark.parametrize(
    "traits",
    [
        StrictTraits("NOM", "Zoé", None, Sex.FEMALE),
        StrictTraits("NOM", "Zoé", "1955-06-12", None),
        StrictTraits("NOM", "Zoé", "2026-11-23", Sex.FEMALE),
        StrictTraits("NOM\x00", "Zoé", "1955-06-12", Sex.FEMALE),
    ],
)
def test_traits_that_no_person_has_are_refused(traits: StrictTraits) -> None:
    with pytest.raises(InvalidTraitsError):
        new_person.check_traits(traits, date(2026, 11, 22))


def test_sex_is_taken_as_fhir_codes_it_only() -> None:
    assert new_person.parse_sex("female") is Sex.FEMALE
    for text in ("F", "FEMALE", "other", ""):
        with pytest.raises(InvalidTraitsError):
            new_person.parse_sex(text)


def test_a_trait_that_one_side_lacks_is_not_compared() -> None:
    traits = PERSON.traits.normalised()
    assert new_person.are_same_person(traits, {**traits, "birth_name": "D INVENTEE"})
    assert new_person.are_same_person(traits, {name: traits[name] for name in traits if name != "birth_place"})
    assert new_person.are_same_person(traits, {**traits, "sex": "unknown"})
    assert not new_person.are_same_person(traits, {**traits, "sex": "male"})
    assert not new_person.are_same_person(traits, {**traits, "given_name": "ZOA"})


@pytest.mark.parametrize(
    ("stated", "stored"), [("10", "G15_10"), ("G15_60", "G15_60"), ("G16_10", "G16_10"), ("R95_93", "R95_93")]
)
def test_a_profession_is_kept_with_its_table(stated: str, stored: str) -> None:
    assert directory.profession_code(stated) == stored


@pytest.mark.parametrize("stated", ["", "11", "G15_11", "G15_", "AUTOMATE", "A00_AUTOMATE", "G15_10/SM26", "10 "])
def test_a_profession_that_the_record_does_not_accept_is_refused(stated: str) -> None:
    with pytest.raises(directory.ProfessionUnknownError):
        directory.profession_code(stated)


@pytest.mark.parametrize("stated", ["", "8", "x899", "8 99", "8\x0099", "3750000001/12", "8" * 65, "899é"])
def test_a_national_id_that_cannot_travel_is_refused(stated: str) -> None:
    for read in (directory.professional_id, directory.structure_id):
        with pytest.raises(InvalidNationalIdError):
            read(stated)


@pytest.mark.parametrize(
    ("active", "wanted", "acting"),
    [([], None, None), (["1a"], None, "1a"), (["1a", "1b"], "1b", "1b"), (["1a"], "1a", "1a")],
)
def test_a_professional_acts_for_the_structure_wanted_or_the_only_one(
    active: list[str], wanted: str | None, acting: str | None
) -> None:
    assert directory.acting_structure(active, wanted) == acting


@pytest.mark.parametrize(("active", "wanted"), [([], "1a"), (["1a"], "1b"), (["1a", "1b"], None)])
def test_a_professional_acts_for_no_structure_that_is_not_theirs(active: list[str], wanted: str | None) -> None:
    with pytest.raises(directory.ActingStructureError):
        directory.acting_structure(active, wanted)


def test_a_key_is_registered_with_its_public_members_only() -> None:
    key = ECKey.generate_key("P-256", {"use": "sig"}, private=True)
    [kept] = clients.public_jwks([{**public(key), "comment": "of ward 3"}])
    assert kept.keys() == {"kty", "crv", "x", "y", "kid"}
    assert kept["kid"] == key.thumbprint()


@pytest.mark.parametrize(
    "key",
    [
        ECKey.generate_key("P-256"),
        RSAKey.generate_key(2048),
        OKPKey.generate_key("Ed25519"),
    ],
    ids=["EC", "RSA", "OKP"],
)
def test_three_families_of_public_keys_are_taken_and_their_private_halves_refused(key: ECKey | RSAKey | OKPKey) -> None:
    assert clients.public_jwks([public(key)])
    with pytest.raises(clients.KeyUnusableError):
        clients.public_jwks([dict(key.as_dict(private=True))])


@pytest.mark.parametrize(
    "keys",
    [
        [],
        [{}],
        [{"kty": "EC"}],
        [{"kty": ["EC"]}],
        [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}],
        [{"kty": "RSA", "n": 5, "e": None}],
        [dict(OctKey.generate_key(256).as_dict(private=True))],
        [public(ECKey.generate_key("P-384"))],
        [{"kty": "RSA", "n": "8" + "A" * 169 + "E", "e": "AQAB"}],
        [public(OKPKey.generate_key("X25519"))],
        [{**public(new_key()), "kid": 7}],
        [{**public(new_key()), "kid": "k" * 129}],
        [{**public(new_key()), "kid": "same"}, {**public(new_key()), "kid": "same"}],
        [public(new_key()) for _ in range(5)],
    ],
)
@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
def test_a_key_that_proves_little_is_refused(keys: list[dict[str, object]]) -> None:
    with pytest.raises(clients.KeyUnusableError):
        clients.public_jwks(keys)


@pytest.mark.parametrize(
    ("name", "kind", "scopes", "organisation", "code"),
    [
        ("", "software", ["documents.deposit"], "1750000001", "client-invalid"),
        ("a\nb", "software", ["documents.deposit"], "1750000001", "client-invalid"),
        ("Hospital", "patient", ["documents.deposit"], "1750000001", "client-invalid"),
        ("Hospital", "software", [], "1750000001", "scope-unknown"),
        ("Hospital", "software", ["clients.write"], "1750000001", "scope-unknown"),
        ("Hospital", "software", ["documents.deposit"], None, "organisation-needed"),
        ("Office", "administrator", ["records.open"], "1750000001", "organisation-needed"),
        ("Hospital", "software", ["documents.deposit"], "a b", "national-id-invalid"),
    ],
)
def test_a_client_is_refused_with_the_reason(
    name: str, kind: str, scopes: list[str], organisation: str | None, code: str
) -> None:
    with pytest.raises(ClientError) as refused:
        clients.new_client(name, kind, scopes, [public(new_key())], organisation)
    assert refused.value.code == code


def test_nobody_grants_more_than_they_hold_except_deposits() -> None:
    own = frozenset({"clients.write", "directory.write"})
    clients.check_grantable(frozenset({"documents.deposit", "directory.write"}), own)
    with pytest.raises(clients.ScopeNotGrantableError):
        clients.check_grantable(frozenset({"records.open"}), own)


async def test_the_first_key_signs_and_all_are_published_without_their_secrets() -> None:
    old, new = new_key(), new_key()
    both = SigningKeys.parse(json.dumps([old.as_dict(private=True), new.as_dict(private=True)]))
    issuer = TokenIssuer("https://identity.example/", "dmp", "https://identity.example/jwks", both)
    token = issuer.issue(TokenSubject("patient", "p", "c", record_id=UUID(int=1)), token_id=uuid4(), now=NOW)
    decoded = jwt.decode(token.text, await both.current(), algorithms=["ES256"])
    assert decoded.header == {"alg": "ES256", "kid": old.kid, "typ": "at+jwt"}
    assert decoded.claims["exp"] - decoded.claims["iat"] == 300
    assert decoded.claims["dmp"] == {"kind": "patient", "record_id": str(UUID(int=1))}
    assert [key["kid"] for key in both.published()] == [old.kid, new.kid]
    assert all("d" not in key for key in both.published())
    assert issuer.token_endpoint == "https://identity.example/oauth/token"


@pytest.mark.parametrize(
    "keys",
    [
        [],
        [new_key().as_dict(private=False)],
        [ECKey.generate_key("P-384", {"kid": "a"}).as_dict(private=True)],
        [ECKey.generate_key("P-256").as_dict(private=True, kid=None)],
        [OctKey.generate_key(256, {"kid": "a"}).as_dict(private=True)],
        [{**new_key().as_dict(private=True), "kid": "a"}, {**new_key().as_dict(private=True), "kid": "a"}],
    ],
)
def test_signing_keys_that_cannot_sign_are_refused(keys: list[dict[str, object]]) -> None:
    with pytest.raises(SigningKeysError):
        SigningKeys.parse(json.dumps(keys))
