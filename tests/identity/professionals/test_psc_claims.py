"""What Pro Santé Connect says of a professional, and what becomes of it."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from deploy.local.demo.credentials import PROFESSIONALS
from deploy.local.platform.provider import PEOPLE
from deploy.local.platform.psc import Person
from services.identity.directory.domain.directory import ActingStructureError
from services.identity.professionals.domain.modes import StatedAccess
from services.identity.professionals.domain.professionals import (
    DirectoryEntry,
    ExercisedProfession,
    IdentityProof,
    ProfessionalRules,
    ProfessionDiffersError,
    StructureDiffersError,
    admit_professional,
)
from services.identity.professionals.domain.psc import ProviderClaimsError
from services.identity.professionals.domain.psc_claims import identity_proof_of
from services.identity.settings import ProfessionalSettings
from shared.crypto.keyring import Keyring
from shared.errors import ClientError
from tests.infra.identity.identity_api import KEYRING

ME, HERE, THERE = "899700000001", "1750000001", "1750000002"
RULES = ProfessionalRules(Keyring.parse(KEYRING), None, timedelta(minutes=2), frozenset(), {})
CLAIMS = Person(ME, "Camille INVENTÉE", "10", "SM26", (HERE[1:],)).userinfo()


def exercise(**changes: Any) -> dict[str, Any]:
    return {"SubjectRefPro": {"exercices": [{"codeProfession": "10", **changes}]}}


def test_the_claims_name_identifier_profession_specialty_and_structure() -> None:
    assert identity_proof_of(CLAIMS) == IdentityProof(
        ME, (ExercisedProfession("10", False, "SM26"),), frozenset({HERE})
    )


@pytest.mark.parametrize(
    ("changes", "structures"),
    [
        ({"SubjectOrganizationID": "R10100000198386", **exercise()}, set()),
        ({"SubjectOrganizationID": THERE, **exercise()}, {THERE}),
        (exercise(activities=[{"numeroSiretSite": "12345678900011"}]), {HERE, "312345678900011"}),
        (exercise(activities=[{"numeroFinessSite": None}, {"numeroSirenSite": ""}]), {HERE}),
    ],
)
def test_structures_are_national_ids_and_technical_ones_are_passed_over(
    changes: dict[str, Any], structures: set[str]
) -> None:
    assert identity_proof_of({**CLAIMS, **changes}).structure_ids == frozenset(structures)


def test_without_exercises_the_role_counts() -> None:
    without = {name: value for name, value in CLAIMS.items() if name != "SubjectRefPro"}
    assert identity_proof_of(without).professions == (ExercisedProfession("10"),)
    assert identity_proof_of({**without, "SubjectRole": "60^1.2.3"}).professions == (ExercisedProfession("60"),)


@pytest.mark.parametrize(
    "changes",
    [
        {"SubjectNameID": None},
        {"SubjectNameID": ""},
        {"SubjectNameID": "8 9 x"},
        {"SubjectNameID": ["899700000001"]},
        {"SubjectRefPro": {}, "SubjectRole": []},
        {"SubjectRefPro": "10", "SubjectRole": "10"},
        {"SubjectRefPro": [], "SubjectRole": "10"},
        {"SubjectRefPro": {"exercices": "10"}},
        {"SubjectRefPro": {"exercices": [{}]}},
        {"SubjectRefPro": {"exercices": [None]}},
        {"SubjectRefPro": {}, "SubjectRole": [10]},
        exercise(activities=None),
        exercise(activities=["x"]),
    ],
)
def test_claims_out_of_form_say_too_little(changes: dict[str, Any]) -> None:
    with pytest.raises(ProviderClaimsError):
        identity_proof_of({**CLAIMS, **changes})


@pytest.mark.parametrize(
    ("profession", "specialties", "claimed", "agrees"),
    [
        ("G15_10", {"SM26"}, ExercisedProfession("10", False, "SM26"), True),
        ("G15_10", {"SM26"}, ExercisedProfession("10"), True),
        ("G15_10", set(), ExercisedProfession("10", False, "SM04"), True),
        ("G15_10", {"SM26"}, ExercisedProfession("10", False, "SM04"), False),
        ("G15_10", {"SM26"}, ExercisedProfession("60"), False),
        ("G15_10", set(), ExercisedProfession("10", True), False),
        ("G16_10", set(), ExercisedProfession("10", True), True),
        ("G16_10", set(), ExercisedProfession("10"), False),
        ("R94_44", set(), ExercisedProfession("44"), True),
    ],
)
def test_the_profession_is_that_of_the_directory_or_nobody_comes_in(
    profession: str, specialties: set[str], claimed: ExercisedProfession, agrees: bool
) -> None:
    listed = DirectoryEntry(ME, profession, True, frozenset(specialties), ())
    vouched = IdentityProof(ME, (claimed,), frozenset())
    if agrees:
        assert admit_professional(listed, vouched, None, StatedAccess(), RULES).profession == profession
    else:
        with pytest.raises(ProfessionDiffersError):
            admit_professional(listed, vouched, None, StatedAccess(), RULES)


@pytest.mark.parametrize(
    ("active", "vouched", "wanted", "result"),
    [
        ((), set(), None, None),
        ((HERE,), set(), None, None),
        ((HERE,), {HERE}, None, HERE),
        ((HERE, THERE), {HERE}, None, HERE),
        ((HERE, THERE), {HERE, THERE}, THERE, THERE),
        ((HERE,), None, None, HERE),
        ((HERE, THERE), None, THERE, THERE),
        ((HERE, THERE), {HERE, THERE}, None, ActingStructureError),
        ((HERE, THERE), None, None, ActingStructureError),
        ((HERE,), {THERE}, None, StructureDiffersError),
        ((), {HERE}, None, StructureDiffersError),
        ((HERE, THERE), {HERE}, THERE, StructureDiffersError),
        ((HERE,), set(), HERE, StructureDiffersError),
        ((HERE,), None, THERE, StructureDiffersError),
    ],
)
def test_the_structure_is_one_that_directory_and_proof_both_name(
    active: tuple[str, ...], vouched: set[str] | None, wanted: str | None, result: str | type[ClientError] | None
) -> None:
    listed = DirectoryEntry(ME, "G15_10", True, frozenset(), active)
    proof = IdentityProof(ME, None, None if vouched is None else frozenset(vouched))
    if isinstance(result, type):
        with pytest.raises(result):
            admit_professional(listed, proof, wanted, StatedAccess(), RULES)
    else:
        assert admit_professional(listed, proof, wanted, StatedAccess(), RULES).organisation_id == result


@pytest.mark.parametrize("partly", [{"psc_issuer": "https://x"}, {"edge_keys": KEYRING}, {"card_roots": "roots.pem"}])
def test_a_way_in_is_set_up_whole_or_not_at_all(partly: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="set all of"):
        ProfessionalSettings.model_validate(partly)


def test_the_test_provider_knows_the_professionals_of_the_bootstrap() -> None:
    listed_people = {(person["id"], f"G15_{person.get('profession', '10')}") for person in PEOPLE}
    assert listed_people == {(value.id, value.profession) for value in PROFESSIONALS.values()}
