"""Conditions on the answers during an outage, and on the recovery after it."""

from dataclasses import dataclass

from tests.chaos.answers import ACCEPTED, Answer
from tests.chaos.checks import Check


@dataclass
class Times:
    """The times of one trial, in Unix seconds."""

    began: float
    fault: float = 0
    ended: float = 0
    healthy: float | None = None

    def phase_of(self, answer: Answer) -> str:
        """Returns the phase in which the request was sent; one in progress when the fault ends counts as during."""
        if answer.asked_at + answer.seconds < self.fault:
            return "before"
        return "during" if answer.asked_at < self.ended else "after"


def check_answers(times: Times, answers: list[Answer], *, longest_s: float | None, is_silent: bool) -> list[Check]:
    """Checks that each answer is the API's own, even when it says that nothing can be done now.

    `longest_s`: the longest time that an answer may take during the fault. `is_silent`: the fault may leave no process
    to answer.
    """
    failed = [one for one in answers if one.status >= 400]
    during = [one for one in answers if times.phase_of(one) == "during" and one.status]
    longest = max((one.seconds for one in during), default=0.0)
    silent = sum(one.status == 0 for one in answers)
    return [
        _none("answers 500", [one for one in failed if one.status == 500]),
        _none("errors that are not in the API's own form", [one for one in failed if not one.is_json]),
        _none("503 without Retry-After", [one for one in failed if lacks_retry_after(one)]),
        Check("no answer at all", "told" if is_silent else "0", str(silent), None if is_silent else not silent),
        Check(
            "longest answer during the fault",
            f"< {longest_s:.0f} s" if longest_s else "told",
            f"{longest:.1f} s",
            longest < longest_s if longest_s else None,
        ),
    ]


def lacks_retry_after(answer: Answer) -> bool:
    """Whether a deposit got a 503 without Retry-After; a readiness probe is repeated anyhow."""
    return answer.question == "deposit" and answer.status == 503 and not answer.has_retry_after


def check_return(times: Times, answers: list[Answer], within_s: float) -> list[Check]:
    """Checks that everything recovers soon and without intervention."""
    accepted = [one.asked_at + one.seconds for one in answers if one.status in ACCEPTED and one.question == "deposit"]
    first = min((at - times.ended for at in accepted if at > times.ended), default=None)
    healthy = None if times.healthy is None else times.healthy - times.ended
    return [
        _within("first deposit accepted after the fault", first, within_s),
        _within("all processes healthy after the fault", healthy, within_s),
    ]


def _none(name: str, wrong: list[Answer]) -> Check:
    examples = tuple(f"{one.question} {one.status}: {one.problem}" for one in wrong[:3])
    return Check(name, "0", str(len(wrong)), not wrong, examples)


def _within(name: str, seconds: float | None, limit: float) -> Check:
    found = "never" if seconds is None else f"{seconds:.1f} s"
    return Check(name, f"< {limit:.0f} s", found, seconds is not None and seconds < limit)
