"""Codes are taken as our own messages print them, and as people paste and type them."""

import re
from typing import Any
from uuid import uuid4

import pytest
from pydantic import BaseModel, ValidationError

from services.identity.accounts.models import CodeBody, NewPasswordBody
from services.identity.contact_changes.models import BothCodesBody
from services.identity.kit.readable_codes import ActivationCodeMalformedError, grouped_code, parse_code
from services.identity.openings.models import ActivationBody, ContactObjectionBody, OpeningCodeBody
from services.identity.relations.models.carers import InvitationAnswerBody
from services.notify.messages.domain import displayed_value
from tests.conftest import NewDatabase
from tests.infra.identity.accounts import run_identity_api

PRINTED = [displayed_value("code", "287762", "fr", short=short) for short in (True, False)]
TYPED = [
    *(
        "287762",
        "287 762",
        " 287762 ",
        "287\u00a0762",
        "287\u202f762",
        "287-762",
        "287\u2011762",
        "28 77 62",
        "287.762",
    ),
    *("287.762", "\t287 762\r\n", "\n287\n762\n", "２８７７６２", "\ufeff287\u200b762", "2 8 7 7 6 2", *PRINTED),
]
SIX_DIGITS: list[tuple[type[BaseModel], str, dict[str, Any]]] = [
    (CodeBody, "code", {}),
    (NewPasswordBody, "code", {"password": "p"}),
    (BothCodesBody, "old_code", {"new_code": "123456"}),
    (BothCodesBody, "new_code", {"old_code": "123456"}),
    (OpeningCodeBody, "code", {}),
]


@pytest.mark.parametrize("typed", TYPED)
@pytest.mark.parametrize(("body", "field", "others"), SIX_DIGITS)
def test_blanks_and_hyphens_of_a_code_do_not_matter(
    body: type[BaseModel], field: str, others: dict[str, Any], typed: str
) -> None:
    assert getattr(body(**{field: typed}, **others), field) == "287762"


@pytest.mark.parametrize(
    "typed",
    ["", "28776", "2877621", "28776a", "287 762x", "٢٨٧٧٦٢", "287,762", "2" * 2000, " " * 1000 + "287762", 287762],
)
@pytest.mark.parametrize(("body", "field", "others"), SIX_DIGITS)
def test_what_is_no_code_of_six_digits(body: type[BaseModel], field: str, others: dict[str, Any], typed: Any) -> None:
    with pytest.raises(ValidationError):
        body(**{field: typed}, **others)


@pytest.mark.parametrize("typed", ["287762", "287 762", " 287-762\n", "2 8 7 7 6 2", "28776", "2877621", "28776a"])
def test_the_pattern_of_the_document_says_what_is_taken(typed: str) -> None:
    pattern = CodeBody.model_json_schema()["properties"]["code"]["pattern"]
    try:
        CodeBody(code=typed)
    except ValidationError:
        assert re.search(pattern, typed) is None
    else:
        assert re.search(pattern, typed) is not None


@pytest.mark.parametrize(
    "typed",
    [
        *(
            "7K2M-9XQ4-1CV0",
            "7k2m 9xq4 1cv0",
            "7K2M9XQ41CV0",
            " 7K2M\u00a09XQ4\u202f1CV0\r\n",
            "7K2M\u20119XQ4\u20111CV0",
        ),
        *("7K2M–9XQ4–1CV0", "7K2M.9XQ4.1CV0", "7K2M-9XQ4-\n1CV0", "\u200b7K2M-9XQ4-1CV0", "7K2M-9XQ4-ICVO"),
        "７Ｋ２Ｍ-９ＸＱ４-１ＣＶ０",
    ],
)
def test_a_code_of_letters_is_taken_as_letters_and_mails_print_it(typed: str) -> None:
    ins = {"value": "255069999999934", "oid": "1.2.250.1.213.1.4.10"}
    objection = ContactObjectionBody.model_validate({"ins": ins, "code": typed})
    activation = ActivationBody.model_validate(
        {"ins": ins, "code": typed, "terms_version": "1", "identifier": "zoe", "password": "p"}
    )
    answer = InvitationAnswerBody.model_validate({"answer": "accepted", "code": typed})
    assert answer.code is not None
    codes = {parse_code(code) for code in (objection.code, activation.code, answer.code, typed)}
    assert {grouped_code(code) for code in codes} == {"7K2M-9XQ4-1CV0"}


def test_a_mistyped_code_of_letters_is_refused() -> None:
    for typed in ("7K2M-9XQ4-1CVS", "7K2M-9XQ4-1CV", "7K2M/9XQ4/1CV0", ""):
        with pytest.raises(ActivationCodeMalformedError):
            parse_code(typed)


async def test_a_sign_in_ends_with_the_code_as_the_mail_prints_it(new_database: NewDatabase) -> None:
    async with run_identity_api(await new_database("identity")) as api:
        await api.open_account()
        challenge = (await api.start()).json()["challenge_id"]
        code = await api.code()
        wrong = await api.answer(str(uuid4()), f"{code[:3]} {code[3:]}")
        assert wrong.status_code == 403
        signed_in = await api.answer(challenge, f" {code[:3]}\u00a0{code[3:]}\n")
        assert signed_in.status_code == 200, signed_in.text
        assert signed_in.json()["access_token"]
