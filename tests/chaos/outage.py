"""What must hold of the answers during an outage, and of the return after it."""

from dataclasses import dataclass

from tests.chaos.answers import ACCEPTED, Answer
from tests.chaos.checks import Check


@dataclass
class Times:
    """Of one trial, in Unix seconds."""

    began: float
    fault: float = 0
    ended: float = 0
    healthy: float | None = None

    def phase_of(self, answer: Answer) -> str:
        """By the moment at which it was asked for; what the fault's end found under way counts as during."""
        if answer.asked_at + answer.seconds < self.fault:
            return "before"
        return "during" if answer.asked_at < self.ended else "after"


def check_answers(times: Times, answers: list[Answer], *, longest_s: float | None, is_silent: bool) -> list[Check]:
    """Each answer is the API's own, also when it is that nothing can be done now.

    `longest_s`: the longest that one may take during the fault; `is_silent`: the fault may leave nobody to answer.
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
    """A probe of readiness comes again anyhow."""
    return answer.question == "deposit" and answer.status == 503 and not answer.has_retry_after


def check_return(times: Times, answers: list[Answer], within_s: float) -> list[Check]:
    """Everything is there again, by itself and soon."""
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
