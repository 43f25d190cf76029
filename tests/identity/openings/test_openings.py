"""The rules of opening: ways, codes, who may alone, and figures."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.identity.campaigns.domain import (
    PaceInvalidError,
    SelectionInvalidError,
    WindowTooShortError,
    new_campaign,
)
from services.identity.figures.domain import (
    CHANNELS,
    LIFE_EVENTS,
    FigureCell,
    figures_to_date,
    rounded_count,
    settled_before,
    week_of,
    weekly_figures,
)
from services.identity.kit.readable_codes import ALPHABET, ActivationCodeMalformedError, grouped_code, parse_code
from services.identity.lifecycle.domain.lifecycle import STATES, LifecycleState
from services.identity.openings.domain.activation import CodeBatch
from services.identity.openings.domain.channels import (
    AssistanceRefusedError,
    ChannelUnknownError,
    OpeningCaller,
    administrative_channel,
    assisted_channel,
)
from services.identity.openings.domain.online import RATE_LIMITS, ApplicantFacts, may_open_alone, window_wait
from services.identity.openings.domain.openings import OpeningRules
from services.identity.openings.domain.regimes import ONLINE_REGIMES
from services.identity.people.domain.persons import REGIONS, is_minor
from shared.contracts.base import ActorKind
from shared.errors import ClientError
from shared.terminology.professions import professions

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
NONE: frozenset[str] = frozenset()
ASSIST, OPEN = frozenset({"records.assist"}), frozenset({"records.open"})
RULES = OpeningRules(30, 5000, 500, "https://dmp.example/opposition", "2026-11")
WAVE = CodeBatch(UUID(int=1), b"k" * 32)


@pytest.mark.parametrize(
    ("kind", "scopes", "profession", "stated", "expected"),
    [
        ("professional", NONE, "G15_10", None, "doctor"),
        ("professional", NONE, "10", "doctor", "doctor"),
        ("professional", NONE, "G15_21", None, "pharmacist"),
        ("professional", NONE, "G15_60", None, "nurse"),
        ("professional", NONE, "G15_69", None, "nurse"),
        ("professional", NONE, "G15_50", None, "other-professional"),
        ("professional", NONE, "G15_10", "pharmacist", ChannelUnknownError),
        ("professional", NONE, "R94_41", None, AssistanceRefusedError),
        ("professional", NONE, "G15_999", None, AssistanceRefusedError),
        ("professional", NONE, None, None, AssistanceRefusedError),
        ("software", ASSIST, None, None, "hospital"),
        ("software", ASSIST, None, "care-home", "care-home"),
        ("software", ASSIST, None, "cpam-agent", ChannelUnknownError),
        ("software", NONE, None, None, AssistanceRefusedError),
        ("administrator", ASSIST, None, None, "cpam-agent"),
        ("administrator", ASSIST, None, "automatic", ChannelUnknownError),
        ("administrator", OPEN, None, None, AssistanceRefusedError),
        ("patient", ASSIST, None, None, AssistanceRefusedError),
        ("operator", ASSIST, None, None, AssistanceRefusedError),
        ("system", ASSIST, None, None, AssistanceRefusedError),
        ("unknown", ASSIST, None, None, AssistanceRefusedError),
    ],
)
def test_who_helps_opens_by_their_own_way(
    kind: ActorKind,
    scopes: frozenset[str],
    profession: str | None,
    stated: str | None,
    expected: str | type[ClientError],
) -> None:
    asking = OpeningCaller(kind, scopes, profession)
    if isinstance(expected, str):
        assert assisted_channel(asking, stated) == expected
        return
    with pytest.raises(expected):
        assisted_channel(asking, stated)


def test_every_health_profession_has_a_way_and_nobody_else() -> None:
    for table, code in professions():
        asking = OpeningCaller("professional", NONE, f"{table.removeprefix('TRE_')}_{code}")
        if table == "TRE_G15":
            assert assisted_channel(asking, None) in ("doctor", "pharmacist", "nurse", "other-professional")
        else:
            with pytest.raises(AssistanceRefusedError):
                assisted_channel(asking, None)


@pytest.mark.parametrize("stated", ["online", "automatic", "representative", "pharmacist", "nonsense"])
def test_an_administrative_opening_cannot_pretend_another_way(stated: str) -> None:
    asking = OpeningCaller("administrator", OPEN)
    assert administrative_channel(asking, None) == "hospital"
    assert administrative_channel(asking, "care-home") == "care-home"
    with pytest.raises(ChannelUnknownError):
        administrative_channel(asking, stated)


def test_a_code_is_the_same_whenever_it_is_printed_and_another_for_another_attempt_person_or_wave() -> None:
    code = WAVE.code("k.person", 1)
    assert code == CodeBatch(UUID(int=9), b"k" * 32).code("k.person", 1)
    others = {WAVE.code("k.person", 2), WAVE.code("k.persom", 1), CodeBatch(UUID(int=1), b"l" * 32).code("k.person", 1)}
    assert len(others | {code}) == 4


def test_a_code_is_read_however_it_is_typed() -> None:
    code = WAVE.code("k.person", 1)
    for typed in (grouped_code(code), grouped_code(code).lower(), grouped_code(code).replace("-", " "), f"  {code} "):
        assert parse_code(typed) == code
    assert parse_code(grouped_code(code).replace("0", "O").replace("1", "l")) == code


def test_every_single_mistyped_character_is_found() -> None:
    code = WAVE.code("k.person", 1)
    for place in range(len(code)):
        for other in set(ALPHABET) - {code[place]}:
            with pytest.raises(ActivationCodeMalformedError):
                parse_code(code[:place] + other + code[place + 1 :])


@pytest.mark.parametrize("text", ["", "7K2M", "7K2M-9XQ4-1CVBX", "7K2M-9XQ4-1CV!", "ÉÉÉÉ-ÉÉÉÉ-ÉÉÉÉ"])
def test_what_is_no_code_is_told_so(text: str) -> None:
    with pytest.raises(ActivationCodeMalformedError):
        parse_code(text)


def test_a_hundred_thousand_people_of_a_wave_have_a_hundred_thousand_codes() -> None:
    assert len({WAVE.code(f"k.{person}", 1) for person in range(100_000)}) == 100_000


@pytest.mark.parametrize("state", STATES)
def test_who_may_open_alone(state: LifecycleState) -> None:
    facts = ApplicantFacts("01", date(1955, 6, 12), True, state)
    assert may_open_alone(facts, NOW.date()) == (state in ("none", "objected", "erased"))


@pytest.mark.parametrize("regime", [f"{code:02d}" for code in range(100)])
def test_only_the_insured_of_listed_regimes_open_alone(regime: str) -> None:
    assert may_open_alone(ApplicantFacts(regime, date(1955, 6, 12), True, "none"), NOW.date()) == (
        regime in ONLINE_REGIMES
    )


def test_nobody_opens_alone_without_the_card_or_under_age() -> None:
    assert not may_open_alone(ApplicantFacts("01", date(1955, 6, 12), False, "none"), NOW.date())
    assert not may_open_alone(ApplicantFacts("01", date(2008, 11, 25), True, "none"), NOW.date())
    assert may_open_alone(ApplicantFacts("01", date(2008, 11, 24), True, "none"), NOW.date())


@pytest.mark.parametrize(
    ("born", "minor"),
    [(date(2008, 11, 24), False), (date(2008, 11, 25), True), (date(2008, 2, 29), False), (date(2026, 1, 1), True)],
)
def test_nobody_is_a_minor_from_the_eighteenth_birthday_on(born: date, minor: bool) -> None:
    assert is_minor(born, NOW.date()) == minor


@pytest.mark.parametrize("kind", RATE_LIMITS)
def test_a_window_slides(kind: str) -> None:
    rate = RATE_LIMITS[kind]
    full = [NOW - rate.window / 2] * rate.most
    assert window_wait(kind, full[1:], NOW) is None
    assert window_wait(kind, full, NOW) == rate.window / 2
    assert window_wait(kind, [NOW - rate.window, *full[1:]], NOW) is None


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({}, None),
        ({"born_from": 1950, "born_to": 1959}, None),
        ({"born_from": 1960, "born_to": 1959}, SelectionInvalidError),
        ({"born_from": 12}, SelectionInvalidError),
        ({"regions": ["84", "00"]}, ClientError),
        ({"regimes": ["1"]}, ClientError),
        ({"window_days": 29}, WindowTooShortError),
        ({"window_days": 42}, None),
        ({"window_days": 400}, WindowTooShortError),
        ({"rate": 0}, PaceInvalidError),
    ],
)
def test_a_campaign_is_checked(changes: dict[str, object], refused: type[ClientError] | None) -> None:
    parameters: dict[str, Any] = {"regions": [], "regimes": [], "born_from": None, "born_to": None}
    parameters |= {"window_days": None, "rate": None, **changes}
    if refused is None:
        assert new_campaign(RULES, **parameters).window_days >= 30
        return
    with pytest.raises(refused):
        new_campaign(RULES, **parameters)


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0, "< 11"),
        (1, "< 11"),
        (10, "< 11"),
        (11, "10"),
        (14, "10"),
        (15, "20"),
        (24, "20"),
        (25, "30"),
        (104, "100"),
        (105, "110"),
        (1_234_567, "1234570"),
    ],
)
def test_a_figure_is_rounded(number: int, shown: str) -> None:
    assert rounded_count(number) == shown


def test_the_whole_grid_is_published_and_each_total_is_rounded_on_its_own() -> None:
    numbers = {
        FigureCell("opening", "84", "online"): 14,
        FigureCell("opening", "84", "doctor"): 14,
        FigureCell("opening", "11", "online"): 3,
    }
    shown = dict(weekly_figures(numbers))
    assert shown[FigureCell("opening", "84", "online")] == "10"
    assert shown[FigureCell("opening", "84", "all")] == "30"
    assert shown[FigureCell("opening", "all", "online")] == "20"
    assert shown[FigureCell("opening", "all", "all")] == "30"
    assert shown[FigureCell("opening", "11", "online")] == shown[FigureCell("closure", "94", "letter")] == "< 11"
    assert len(shown) == sum((len(REGIONS) + 2) * (len(CHANNELS[kind]) + 1) for kind in LIFE_EVENTS)


@pytest.mark.parametrize(
    ("opened", "activated", "rate"), [(1000, 254, "25 %"), (1000, 10, "-"), (5, 5, "-"), (20, 26, "100 %")]
)
def test_the_activation_rate_is_made_of_published_figures_only(opened: int, activated: int, rate: str) -> None:
    shown = dict(figures_to_date({"opening": opened, "activation": activated}))
    assert shown[FigureCell("activation-rate", "all", "all")] == rate


def test_a_week_begins_on_monday_and_is_settled_a_day_after_its_end() -> None:
    sunday = datetime(2026, 11, 22, 23, 59, tzinfo=UTC)
    assert week_of(sunday) == date(2026, 11, 16)
    assert week_of(sunday + timedelta(minutes=1)) == date(2026, 11, 23)
    assert settled_before(sunday) == date(2026, 11, 16)
    assert settled_before(sunday + timedelta(hours=20)) == date(2026, 11, 16)
    assert settled_before(sunday + timedelta(days=1, minutes=1)) == date(2026, 11, 23)
