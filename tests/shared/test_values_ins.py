"""Several hundred good and bad INS numbers, judged by the numbering of the RNIPP."""

import random
from collections.abc import Iterator

import pytest

from shared.errors import CodedError
from shared.terminology import oids
from shared.values import Ins, check_key

DEPARTMENTS = (*(f"{number:02d}" for number in range(1, 100)), "2A", "2B")
MONTHS = (*range(1, 13), *range(20, 43), *range(50, 100))
PUBLISHED_GOOD = ("279035121518989", "277076322082910", "274075176079430", "258077511402542")
PUBLISHED_WRONG = ("276059205062865", "209053105611201")


def key_by_hand(number: str) -> str:
    """Returns 97 less the remainder by 97, digit after digit; Corsica counts as 19 and 18. Independent of the code."""
    remainder = 0
    for digit in number[:5] + {"2A": "19", "2B": "18"}.get(number[5:7], number[5:7]) + number[7:]:
        remainder = (remainder * 10 + "0123456789".index(digit)) % 97
    return f"{97 - remainder:02d}"


def number(
    dice: random.Random,
    sex: str | None = None,
    month: int | str | None = None,
    department: str | None = None,
    rest: str | None = None,
) -> str:
    """Returns thirteen valid characters that contain the given parts."""
    month = dice.randint(1, 12) if month is None else month
    parts = (
        dice.choice("12") if sex is None else sex,
        f"{dice.randrange(100):02d}",
        month if isinstance(month, str) else f"{month:02d}",
        department or dice.choice(DEPARTMENTS),
        rest or f"{dice.randint(1, 999):03d}{dice.randint(1, 999):03d}",
    )
    return "".join(parts)


def keyed(first: str) -> str:
    return first + key_by_hand(first)


def good() -> Iterator[tuple[str, str]]:
    """Yields valid numbers: text and OID."""
    dice = random.Random(1955)
    yield from ((text, oids.INS_NIR) for text in PUBLISHED_GOOD)
    yield from ((keyed(number(dice, department=department)), oids.INS_NIR) for department in DEPARTMENTS)
    yield from ((keyed(number(dice, month=month)), oids.INS_NIR) for month in MONTHS)
    yield from (
        (keyed(number(dice, department=department)), oids.INS_NIR) for department in ("2A", "2B") for _ in range(20)
    )
    yield from ((keyed(number(dice, department="2A")).lower(), oids.INS_NIR) for _ in range(3))
    for kind in "78":
        yield from ((keyed(number(dice, sex=kind)), oids.INS_NIA) for _ in range(15))
        yield keyed(number(dice, sex=kind, department="2B")), oids.INS_NIA
    for kind in "5678":
        yield from ((keyed(f"{kind}{dice.choice('12')}{dice.randrange(10**11):011d}"), oids.INS_NIA) for _ in range(10))
    for system in (oids.INS_NIR_TEST, oids.INS_NIR_DEMO, f"urn:oid:{oids.INS_NIR}"):
        yield from ((keyed(number(dice)), system) for _ in range(5))
    for blank in (" ", "\u00a0", "\u202f", "\t"):
        text = keyed(number(dice))
        yield (
            blank.join((text[0], text[1:3], text[3:5], text[5:7], text[7:10], text[10:13], text[13:])) + blank,
            oids.INS_NIR,
        )


def wrong_keys() -> Iterator[tuple[str, str]]:
    """Yields numbers of the right form with a wrong key, under a production OID."""
    dice = random.Random(1956)
    yield from ((text, oids.INS_NIR) for text in PUBLISHED_WRONG)
    for _ in range(60):
        text = keyed(number(dice))
        key = (int(text[13:]) - 1 + dice.randint(1, 96)) % 97 + 1
        yield f"{text[:13]}{key:02d}", oids.INS_NIR
    for _ in range(60):  # one digit of the order mistyped: 97 is prime, so the key tells
        text = keyed(number(dice))
        place = dice.randint(10, 12)
        yield (
            text[:place] + dice.choice([digit for digit in "0123456789" if digit != text[place]]) + text[place + 1 :],
            (oids.INS_NIR),
        )
    for text, another in (("2A", "2B"), ("2B", "2A"), ("2A", "19"), ("2A", "20"), ("2B", "20")):
        first = number(dice, department=text)
        if (changed := first[:5] + another + first[7:]) and key_by_hand(changed) != key_by_hand(first):
            yield changed + key_by_hand(first), oids.INS_NIR
    yield from ((text[:13] + f"{int(text[13:]) % 97 + 1:02d}", oids.INS_NIA) for text in [keyed(number(dice, sex="8"))])


def malformed() -> Iterator[tuple[str, str]]:
    """Yields texts that are no INS, with a matching key where one can be computed."""
    dice = random.Random(1957)
    yield from ((keyed(number(dice, sex=sex)), oids.INS_NIR) for sex in "03456789")
    yield from ((keyed(number(dice, sex=sex)), oids.INS_NIA) for sex in "12")
    yield from ((keyed(number(dice, sex=sex, month="15")), oids.INS_NIA) for sex in "0349")
    yield from ((keyed(number(dice, month=month)), oids.INS_NIR) for month in (0, *range(13, 20)))
    yield from ((keyed(number(dice, department=department, rest="075001")), oids.INS_NIR) for department in ("00",))
    for letters in ("2C", "2O", "A2", "AB", "1A", "3B"):
        yield f"{number(dice, department='75')[:5]}{letters}{dice.randrange(10**8):08d}", oids.INS_NIR
    for _ in range(20):  # a letter, a sign or a digit of another script at some place
        text = keyed(number(dice, department="75"))
        place = dice.randrange(15)
        for other in ("O", "é", "-", ".", "+", "٣", "३", "３", "³", "\x00"):
            yield text[:place] + other + text[place + 1 :], oids.INS_NIR
    for length in (0, 1, 13, 14, 16, 17, 30):
        yield (keyed(number(dice)) * 2)[:length], oids.INS_NIR
    yield from ((f"{number(dice)}{key}", oids.INS_NIR) for key in ("00", "98", "99", "2A"))
    yield from ((text, oids.INS_NIR) for text in (" ", "\n", "-" * 15, "1" * 14 + "\u200b", "null"))


def judged(text: str, system: str) -> str:
    try:
        check_key(Ins.parse(text, system))
    except CodedError as error:
        return error.code
    return "good"


TABLE = [
    *((case, "good") for case in good()),
    *((case, "ins-key-wrong") for case in wrong_keys()),
    *((case, "ins-malformed") for case in malformed()),
]


def test_the_table_is_as_large_as_it_says() -> None:
    assert len({case for case, _ in TABLE}) >= 600
    assert min(sum(expected == code for _, expected in TABLE) for code in {code for _, code in TABLE}) >= 100


@pytest.mark.parametrize("expected", ["good", "ins-key-wrong", "ins-malformed"])
def test_numbers_are_judged_as_the_table_says(expected: str) -> None:
    wrong = [(*case, judged(*case)) for case, code in TABLE if code == expected and judged(*case) != code]
    assert wrong == []


def test_every_key_but_one_is_wrong() -> None:
    first = "2580775114025"
    good_keys = [key for key in range(100) if judged(f"{first}{key:02d}", oids.INS_NIR) == "good"]
    assert good_keys == [42]


@pytest.mark.parametrize("text", PUBLISHED_WRONG)
def test_published_numbers_with_wrong_keys_pass_under_test_systems_when_asked(text: str) -> None:
    check_key(Ins.parse(text, oids.INS_NIR_TEST), lenient_test_oids=True)
    assert judged(text, oids.INS_NIR_TEST) == "ins-key-wrong"
