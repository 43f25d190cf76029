"""Moments of requests are read as RFC 3339 writes them: with a leap second, and with fractions of any length."""

from datetime import UTC, datetime
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from shared.fhir.dates import end_of, first_moment
from shared.moments import Moment


class Body(BaseModel):
    """A body that takes no value of another type, as those of identity."""

    model_config = ConfigDict(strict=True)
    at: Moment | None = None
    start: Annotated[Moment, BeforeValidator(first_moment)] | None = None
    end: Annotated[Moment, BeforeValidator(end_of)] | None = None


@pytest.mark.parametrize("name", Body.model_fields)
@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2017-01-01T00:59:60.5+01:00", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2026-03-12T14:20:00.1234567890Z", datetime(2026, 3, 12, 14, 20, 0, 123456, tzinfo=UTC)),
    ],
)
def test_a_leap_second_and_a_long_fraction_are_taken(name: str, text: str, moment: datetime) -> None:
    assert getattr(Body.model_validate({name: text}), name) == moment


WRONG: tuple[Any, ...] = (
    "2016-12-31T23:59:61Z",
    "2016-12-31T23:60:60Z",
    "2016-12-31T23:59:60",
    "9999-12-31T23:59:60Z",
    10**9,
    [],
    True,
)


@pytest.mark.parametrize("name", Body.model_fields)
@pytest.mark.parametrize("value", WRONG)
def test_what_is_no_moment_is_refused(name: str, value: Any) -> None:
    with pytest.raises(ValidationError):
        Body.model_validate({name: value})
