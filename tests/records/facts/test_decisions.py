"""The error of a refusal says no more than it may."""

import pytest

from services.records.facts.domain.decisions import require_permit
from shared.access import Permit, Refusal
from shared.errors import ForbiddenError, NotFoundError, UncheckableError


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        (Refusal("copies-too-old", False, "1", retry=True), UncheckableError),
        (Refusal("choices-unknown", True, "1", retry=True), UncheckableError),
        (Refusal("blocked", True, "1"), NotFoundError),
        (Refusal("kind-not-permitted", False, "1"), ForbiddenError),
    ],
)
def test_a_refusal_says_no_more_than_it_may(refusal: Refusal, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        require_permit(refusal)
    may_tell = not refusal.retry and not refusal.hides_existence
    assert (refusal.reason in str(caught.value)) is may_tell


def test_a_permit_is_handed_on() -> None:
    permit = Permit("authorised", "1")
    assert require_permit(permit) is permit
