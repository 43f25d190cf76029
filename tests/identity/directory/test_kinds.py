"""Who may hold what, and who may state which mode: tables, looked at whole."""

from itertools import product
from typing import get_args

import pytest

from services.identity.clients.domain.clients import (
    CLIENT_SCOPES,
    ClientInvalidError,
    ClientKind,
    ScopeUnknownError,
    new_client,
)
from services.identity.directory.domain.kinds import (
    MAX_SCOPES,
    PROFILES,
    RECORD_SCOPES,
    Exclusion,
    OccupationalMedicineNeverError,
    OrganisationNeverError,
    check_organisation,
    check_professional,
    exclusion_of,
    exclusion_of_professional,
)
from services.identity.professionals.domain.modes import ALLOWED_MODES, MODES, Role, role_of_professional
from shared.contracts.base import ActorKind
from shared.runtime.settings import ParameterSettings
from tests.infra.identity.identity_api import new_key, public

NEVER = get_args(Exclusion)
ALL_SCOPES = sorted(frozenset().union(*MAX_SCOPES.values()))
KEY = public(new_key())
ON_RECORDS = {("software", scope) for scope in RECORD_SCOPES} | {("administrator", "records.open")}
"""All that may ever hold a scope on records (erasing is a decision about one, which reads nothing)."""


def grantable(kind: str, scope: str) -> bool:
    structure = "1750000001" if kind == "software" else None
    try:
        new_client("x", kind, [scope], [KEY], structure)
    except (ClientInvalidError, ScopeUnknownError):
        return False
    return True


def test_every_kind_against_every_scope(capsys: pytest.CaptureFixture[str]) -> None:
    kinds = [*get_args(ActorKind), *NEVER]
    assert set(kinds) <= MAX_SCOPES.keys()
    table = {(kind, scope): grantable(kind, scope) for kind, scope in product(MAX_SCOPES, ALL_SCOPES)}
    for (kind, scope), granted in table.items():
        assert granted == (scope in MAX_SCOPES[kind]), (kind, scope)
        if kind in NEVER:
            assert not granted
        if scope in RECORD_SCOPES:
            assert granted == ((kind, scope) in ON_RECORDS), (kind, scope)
    with capsys.disabled():
        print(
            f"\n{len(MAX_SCOPES)} kinds x {len(ALL_SCOPES)} scopes = {len(table)} looked at, "
            f"{sum(table.values())} granted"
        )


def test_no_never_kind_can_be_registered_and_the_profiles_are_those_of_software() -> None:
    assert not set(NEVER) & set(get_args(ClientKind))
    assert all(not MAX_SCOPES[kind] for kind in (*NEVER, "patient", "professional", "system", "unknown"))
    assert set(PROFILES.values()) == RECORD_SCOPES <= CLIENT_SCOPES["software"]


@pytest.mark.parametrize(
    ("activity", "never"),
    [
        *((f"86.{number:02d}Z", None) for number in (10, 21, 22, 23, 90)),
        *(("87.10A", None), ("88.10A", None), ("47.73Z", None), ("84.30A", None), ("8610Z", None)),
        *(("65.11Z", "insurer"), ("65.12Z", "mutuelle"), ("65.20Z", "insurer"), ("65.30Z", "insurer")),
        *(("66.21Z", "insurer"), ("66.22Z", "insurer"), ("66.29Z", "insurer"), ("84.30B", "insurer")),
        *(("64.11Z", "bank"), ("64.19Z", "bank"), ("64.92Z", "bank"), ("66.12Z", "bank"), ("66.30Z", "bank")),
        *(("78.10Z", "employer"), ("01.11Z", "employer"), ("62.01Z", "employer"), ("47.11F", "employer")),
        *(("84.11Z", "employer"), ("70.22Z", "employer"), ("99.00Z", "employer")),
    ],
)
def test_an_activity_is_care_or_a_reason_for_never(activity: str, never: str | None) -> None:
    assert exclusion_of(activity, None) == never


def test_every_sector_is_care_or_a_reason_for_never() -> None:
    exclusions = {f"SA{number:02d}": exclusion_of(None, f"SA{number:02d}") for number in range(100)}
    assert (exclusions["SA01"], exclusions["SA33"], exclusions["SA07"]) == (None, None, None)
    assert (exclusions["SA13"], exclusions["SA66"]) == ("occupational-medicine", "occupational-medicine")
    assert (exclusions["SA23"], exclusions["SA44"], exclusions["SA48"], exclusions["SA60"]) == (
        "insurer",
        *["employer"] * 3,
    )
    assert all(exclusions[f"SA{number:02d}"] is not None for number in range(70, 100)), "what is not known is refused"


def test_an_activity_of_care_does_not_make_up_for_a_sector_of_never() -> None:
    with pytest.raises(OrganisationNeverError):
        check_organisation("1750000001", "86.21Z", "SA66")


@pytest.mark.parametrize(
    ("specialties", "sector", "never"),
    [
        ({"SM25"}, None, True),
        ({"SM25", "SM26"}, None, False),
        (set(), None, False),
        ({"SM26"}, "SA01", False),
        ({"SM26"}, "SA13", True),
        ({"SM25", "SM26"}, "SA66", True),
        (set(), "SA23", False),
    ],
)
def test_occupational_medicine_is_an_only_specialty_or_the_sector_one_acts_for(
    specialties: set[str], sector: str | None, never: bool
) -> None:
    exclusion = exclusion_of_professional(frozenset(specialties), sector)
    assert exclusion == ("occupational-medicine" if never else None)


def test_occupational_medicine_stands_on_never_unless_the_parameter_allows_it() -> None:
    assert ParameterSettings().occupational_medicine == "never"
    with pytest.raises(OccupationalMedicineNeverError):
        check_professional("occupational-medicine", "never")
    check_professional("occupational-medicine", "allowed")
    check_professional(None, "never")
    with pytest.raises(OrganisationNeverError):
        check_organisation("1750000001", None, "SA13")
    check_organisation("1750000001", None, "SA13", "allowed")
    for sector in ("SA23", "SA48"):
        with pytest.raises(OrganisationNeverError):
            check_organisation("1750000001", None, sector, "allowed")


def test_every_role_against_every_mode(capsys: pytest.CaptureFixture[str]) -> None:
    assert ALLOWED_MODES.keys() == set(get_args(Role))
    expected = {
        "bris_de_glace": {"health-professional", "regulating-doctor"},
        "secret": {"health-professional", "regulating-doctor"},
        "centre_15": {"regulating-doctor"},
        "normal": set(get_args(Role)) - {"system", "unknown"},
    }
    for role, mode in product(ALLOWED_MODES, MODES):
        assert (mode in ALLOWED_MODES[role]) == (role in expected[mode]), (role, mode)
    with capsys.disabled():
        print(f"\n{len(ALLOWED_MODES)} roles x {len(MODES)} modes looked at")


@pytest.mark.parametrize(
    ("profession", "structure", "role"),
    [
        ("G15_10", "1750000015", "regulating-doctor"),
        ("G15_10", "1750000001", "health-professional"),
        ("G15_10", None, "health-professional"),
        ("G15_60", "1750000015", "health-professional"),
        ("G16_10", "1750000015", "other-professional"),
        ("R94_44", "1750000015", "other-professional"),
        ("R95_93", None, "other-professional"),
    ],
)
def test_a_professional_has_one_role(profession: str, structure: str | None, role: str) -> None:
    centres = frozenset({"1750000015"})
    assert role_of_professional(profession, structure, centres) == role
    assert role_of_professional(profession, structure, centres, "occupational-medicine") == "occupational-doctor"
