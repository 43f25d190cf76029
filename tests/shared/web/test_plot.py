"""Plots: every value inside the picture, the range of reference as a band, and words for those who do not see it."""

import re
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest

from shared.web.plot import HEIGHT, WIDTH, PlotPoint, PlotTexts, plot

START = datetime(2026, 1, 1, tzinfo=UTC)
TEXTS = PlotTexts('a "plot" <of> values', "first", "last", [(1.0, "1"), (1.001, "1,001"), (9.0, "9")])


def points(*values: float) -> list[PlotPoint]:
    return [PlotPoint(START + timedelta(days=day), value, value > 5) for day, value in enumerate(values)]


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [
        ((1, 2, 9), 2, 8),
        ((3, 3), None, None),
        ((0, 0), 0, 0),
        ((-4, 1e6), None, 5),
        ((1, 2), 100, None),
        ((5, 6), 1, 2),
    ],
)
def test_each_value_and_the_band_lie_inside(values: tuple[float, ...], low: float | None, high: float | None) -> None:
    root = ElementTree.fromstring(plot(points(*values), low, high, TEXTS))
    line = root.find("polyline")
    assert line is not None
    places = [tuple(map(float, place.split(","))) for place in line.attrib["points"].split()]
    assert len(places) == len(values)
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in places)
    band = root.find("rect")
    assert (band is None) is (low is None and high is None)
    if band is not None:
        assert 0 <= float(band.attrib["y"]) <= float(band.attrib["y"]) + float(band.attrib["height"]) <= HEIGHT


def test_later_is_to_the_right_higher_is_up_and_outside_has_a_form_of_its_own() -> None:
    svg = plot(points(1, 9), None, 5, TEXTS)
    [(x1, y1), (x2, y2)] = re.findall(r"([\d.]+),([\d.]+)", svg.partition('points="')[2].partition('"')[0])
    assert float(x1) < float(x2)
    assert float(y1) > float(y2)
    assert (svg.count('class="dot"'), svg.count('class="outside"')) == (1, 1)


def test_words_are_escaped_and_ticks_do_not_lie_on_one_another() -> None:
    svg = plot(points(1, 9), None, None, TEXTS)
    assert 'aria-label="a &quot;plot&quot; &lt;of&gt; values"' in svg
    assert "1,001" not in svg
    assert "style=" not in svg
