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
    failed = [answer for answer in answers if answer.status >= 400]
    during = [answer for answer in answers if times.phase_of(answer) == "during" and answer.status]
    longest = max((answer.seconds for answer in during), default=0.0)
    silent = sum(answer.status == 0 for answer in answers)
    return [
        _none("answers 500", [answer for answer in failed if answer.status == 500]),
        _none("errors that are not in the API's own form", [answer for answer in failed if not answer.is_json]),
        _none("503 without Retry-After", [answer for answer in failed if lacks_retry_after(answer)]),
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
    accepted = [
        answer.asked_at + answer.seconds
        for answer in answers
        if answer.status in ACCEPTED and answer.question == "deposit"
    ]
    first = min((at - times.ended for at in accepted if at > times.ended), default=None)
    healthy = None if times.healthy is None else times.healthy - times.ended
    return [
        _within("first deposit accepted after the fault", first, within_s),
        _within("all processes healthy after the fault", healthy, within_s),
    ]


def _none(name: str, wrong: list[Answer]) -> Check:
    examples = tuple(f"{answer.question} {answer.status}: {answer.problem}" for answer in wrong[:3])
    return Check(name, "0", str(len(wrong)), not wrong, examples)


def _within(name: str, seconds: float | None, limit: float) -> Check:
    time = "never" if seconds is None else f"{seconds:.1f} s"
    return Check(name, f"< {limit:.0f} s", time, seconds is not None and seconds < limit)
