"""Names and other lines are kept as they look: invisible characters and kinds of blanks make no difference."""

from datetime import date
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from services.identity.directory.models import StructureBody
from services.identity.people.domain.insured import parse_insured
from services.identity.people.domain.persons import UsedNames
from services.identity.people.models import TraitsBody
from services.identity.relations.domain.emergency_contacts import PeopleToCallInvalidError, person_to_call
from services.identity.relations.models.people import PersonToCallBody
from services.notify.delivery.domain import AddressUnusableError, address_lines
from shared.errors import CodedError
from tests.infra.identity.identity_api import TEST_OID

TYPED = ["Le Goff", " Le\u00a0Goff ", "Le\u202fGoff", "Le\tGoff", "Le Go\u00adff", "Le\u200b Goff\ufeff", "Le\r\nGoff"]
TRAITS = {"given_name": "Zoé", "birth_date": "1955-06-12", "sex": "female"}
REGISTER = {
    "ins": "255069999999934",
    "ins_oid": TEST_OID,
    "birth_name": "INVENTEE",
    "given_name": "Zoé",
    "sex": "F",
    "birth_date": "1955-06-12",
    "regime": "01",
    "region": "11",
}
CALL = {"role": "help", "phone": "01 23 45 67 89", "relation": "voisin"}


@pytest.mark.parametrize("typed", TYPED)
@pytest.mark.parametrize(
    ("body", "field", "others"),
    [(TraitsBody, "birth_name", TRAITS), (StructureBody, "name", {}), (PersonToCallBody, "name", CALL)],
)
def test_a_name_of_a_request_is_kept_clean(
    body: type[BaseModel], field: str, others: dict[str, Any], typed: str
) -> None:
    assert getattr(body.model_validate({field: typed, **others}), field) == "Le Goff"


@pytest.mark.parametrize("typed", ["Le\0Goff", "Le\ud800Goff", "Le\x1b[31mGoff", "\u200b", " ", "x" * 201])
@pytest.mark.parametrize(("body", "field", "others"), [(StructureBody, "name", {}), (PersonToCallBody, "name", CALL)])
def test_a_name_with_a_control_character_or_nothing_to_see_is_refused(
    body: type[BaseModel], field: str, others: dict[str, Any], typed: str
) -> None:
    with pytest.raises(ValidationError):
        body.model_validate({field: typed, **others})


@pytest.mark.parametrize("typed", TYPED)
def test_names_and_addresses_of_the_register_are_kept_clean(typed: str) -> None:
    person = parse_insured(
        {**REGISTER, "birth_name": typed, "used_family_name": typed, "address_1": typed},
        date(2026, 11, 1),
        test_keys=True,
    )
    assert person.person.traits.birth_name == "Le Goff"
    assert person.person.used == UsedNames("Le Goff")
    assert person.contact_details.address == ("Le Goff",)


@pytest.mark.parametrize("column", ["birth_name", "used_given_name", "address_2"])
def test_control_characters_in_the_register_are_refused(column: str) -> None:
    with pytest.raises(CodedError):
        parse_insured({**REGISTER, column: "a\0b"}, date(2026, 11, 1), test_keys=True)


@pytest.mark.parametrize("typed", TYPED)
def test_lines_of_people_to_call_clients_and_letters_are_clean(typed: str) -> None:
    assert person_to_call("help", typed, "0123456789", typed).name == "Le Goff"
    assert address_lines((typed, "\u200b")) == ["Le Goff"]
    with pytest.raises(PeopleToCallInvalidError):
        person_to_call("help", typed + "\0", "0123456789", "ami")
    with pytest.raises(AddressUnusableError):
        address_lines((typed + "\x1b",))
