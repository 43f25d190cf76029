"""Numbers and codes of every part of France are taken; digits of other scripts are no digits of a number."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.identity.directory.domain.directory import structure_id
from services.identity.directory.domain.kinds import check_organisation
from services.identity.professionals.domain.psc_claims import identity_proof_of
from shared.cda import summary
from shared.errors import CodedError
from shared.fhir import dates, node
from shared.national_ids import full_ids, is_full_id
from shared.values import Ins, StrictTraits, is_cog, is_day
from tests.infra.identity.identity_api import TEST_OID

ROOT = Path(__file__).parents[2]
ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
PATTERN_CALLS = {"compile", "fullmatch", "match", "search", "sub", "split", "findall", "finditer"}


def psc_structures(organisation: str, site: str = "") -> frozenset[str]:
    exercise = {"codeProfession": "10", "activities": [{"numeroFinessSite": site}]}
    claims = {
        "SubjectNameID": "899900000404",
        "SubjectOrganizationID": organisation,
        "SubjectRefPro": {"exercices": [exercise]},
    }
    return identity_proof_of(claims).structure_ids or frozenset()


def accepts(parse: Callable[[str], object]) -> Callable[[str], bool]:
    """Returns a function that says whether a text is parsed without an error."""

    def accepted(text: str) -> bool:
        try:
            parse(text)
        except CodedError:
            return False
        return True

    return accepted


FORMS: dict[str, tuple[Callable[[str], bool], str]] = {
    "COG": (is_cog, "75056 2A004 2B033 97105 97209 97302 97411 97611 98818 99109"),
    "day": (is_day, "2026-02-28"),
    "INS": (
        accepts(lambda text: Ins.parse(text, TEST_OID)),
        "255069999999934 255062A00400185 255062B03300185 255069710500185 255069741100185 255069999100185",
    ),
    "birth place": (
        accepts(lambda text: StrictTraits("NOM", "Zoé", birth_place=text)),
        "75056 2A004 2B033 97105 97411 98818",
    ),
    "full id": (is_full_id, "1750000001 12A9999901 12B9999901 1970000001 02A1234567 899900000404"),
    "structure": (accepts(structure_id), "1750000001 12A9999901 12B9999901 1970000001 2123456789"),
    "Pro Santé Connect, organisation": (lambda text: psc_structures(text) == {text}, "1750000001 12A9999901"),
    "Pro Santé Connect, site": (lambda text: psc_structures("", text) == {f"1{text}"}, "750000001 2B9999901"),
    "activity": (accepts(lambda text: check_organisation(None, text, None, "never")), "86.10Z 8610Z"),
    "sector": (accepts(lambda text: check_organisation(None, None, text, "never")), "SA01"),
}
CASES = [(form, text) for form, (_, texts) in FORMS.items() for text in texts.split()]


@pytest.mark.parametrize(("form", "text"), CASES)
def test_numbers_of_corsica_and_overseas_are_taken(form: str, text: str) -> None:
    assert FORMS[form][0](text)


@pytest.mark.parametrize(("form", "text"), CASES)
def test_digits_of_another_script_make_no_number(form: str, text: str) -> None:
    assert not FORMS[form][0](text.translate(ARABIC))


def test_a_corsican_number_is_found_in_any_case_and_with_blanks() -> None:
    assert full_ids("2a 999 9901", "structure") == full_ids("2A9999901", "structure")
    assert "12A9999901" in full_ids("2A9999901", "structure")
    assert psc_structures(" 12a9999901 ", "2a 999 990 1") == {"12A9999901"}
    assert psc_structures("technical-id", "1" * 500) == frozenset()


def patterns() -> Iterator[tuple[str, str, bool]]:
    """Returns the place and source of each pattern in services and shared, and whether only ASCII digits match."""
    for path in sorted([*ROOT.glob("services/**/*.py"), *ROOT.glob("shared/**/*.py")]):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or not call.args:
                continue
            if call.func.attr in PATTERN_CALLS and ast.unparse(call.func.value) == "re":
                source = ast.unparse(call.args[0])
                is_ascii = source.startswith("b") or "re.ASCII" in ast.unparse(call)
                yield f"{path.relative_to(ROOT)}:{call.lineno}", source, is_ascii


def test_every_pattern_with_digits_takes_ascii_digits_only() -> None:
    found = list(patterns())
    assert len(found) > 60, "the patterns are found"
    loose = [place for place, source, is_ascii in found if "\\\\d" in source and not is_ascii]
    assert loose == []


def test_every_api_pattern_names_its_digits() -> None:
    for path in sorted([*ROOT.glob("services/**/*.py"), *ROOT.glob("shared/**/*.py")]):
        for stated in re.findall(r"pattern=r?\"([^\"]*)\"", path.read_text("utf-8")):
            assert r"\d" not in stated, path


def test_dates_of_documents_have_ascii_digits() -> None:
    for pattern in (node._DATE_TIME, dates._DATE, summary._TIME):
        assert pattern.flags & re.ASCII
