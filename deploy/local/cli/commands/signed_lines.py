"""The lines of a version of the summary sheet that a médecin traitant signs, from the sheet and the command line."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID, uuid4

from deploy.local.cli.commands.common import EXIT_USAGE, check_value, fail
from services.records.summary.domain.sheet import Chapter, LineDecision, SummaryLine, SummarySheet

STATED_CHAPTERS: Final = tuple(chapter.value for chapter in Chapter if chapter is not Chapter.BLOOD_GROUP)
"""A blood group is a laboratory's, never a doctor's own statement."""


@dataclass
class SignedLines:
    """The lines by their ids: confirmed, rejected with the reason, stated by the doctor."""

    confirmed: list[UUID] = field(default_factory=list)
    rejected: dict[UUID, str | None] = field(default_factory=dict)
    stated: dict[UUID, dict[str, Any]] = field(default_factory=dict)

    def take(self, other: "SignedLines") -> None:
        """Adds lines; what was decided about them before counts no more."""
        for id in (*other.confirmed, *other.rejected, *other.stated):
            self.drop(id)
        self.confirmed += other.confirmed
        self.rejected |= other.rejected
        self.stated |= other.stated

    def drop(self, id: UUID) -> None:
        """Takes a line out."""
        self.confirmed = [confirmed for confirmed in self.confirmed if confirmed != id]
        self.rejected.pop(id, None)
        self.stated.pop(id, None)

    def body(self) -> dict[str, Any]:
        """Returns the lines as the API takes them."""
        return {
            "confirmed": [str(id) for id in self.confirmed],
            "rejected": [{"id": str(id), "reason": reason} for id, reason in self.rejected.items()],
            "statements": [{"id": str(id), **statement} for id, statement in self.stated.items()],
        }

    def rows(self, labels: dict[UUID, str]) -> Iterator[tuple[object, ...]]:
        """Yields the rows of a table: the act, what it is about, the id. `labels`: of the sheet's lines."""
        yield from (("confirm", labels.get(id), id) for id in self.confirmed)
        for id, reason in self.rejected.items():
            yield (f"reject: {reason}" if reason else "reject", labels.get(id), id)
        for id, statement in self.stated.items():
            yield (f"state ({statement['chapter']})", statement["text"], id)


def signed_before(sheet: SummarySheet, doctor_id: str) -> SignedLines:
    """Returns the lines that the doctor signed in the current version of their own, as far as the sheet shows them."""
    signed = SignedLines()
    for line in sheet.lines:
        decision = next((each for each in line.decisions if _is_of(each, doctor_id)), None)
        if decision is None:
            continue
        if line.origin == "doctor":
            signed.stated[line.id] = _statement_of(line)
        elif decision.action == "rejected":
            signed.rejected[line.id] = decision.reason
        else:
            signed.confirmed.append(line.id)
    return signed


def named_lines(confirmed: Sequence[UUID], rejected: Sequence[str], stated: Sequence[str]) -> SignedLines:
    """Returns the lines of the options --confirm, --reject and --state. Exits with 2 where one is not readable."""
    return SignedLines(
        list(dict.fromkeys(confirmed)),
        dict(_rejection(text) for text in rejected),
        {uuid4(): _statement(text) for text in stated},
    )


def _is_of(decision: LineDecision, doctor_id: str) -> bool:
    """Returns whether a decision is the doctor's and counts; an RPPS stands with or without the digit of its type."""
    return decision.until is None and decision.doctor_id.endswith(doctor_id)


def _statement_of(line: SummaryLine) -> dict[str, Any]:
    fact = line.fact
    concept, time = fact.code, fact.time
    coding = None if concept is None else concept.coding
    return {
        "chapter": line.chapter.value,
        "text": "" if concept is None else concept.text or concept.label,
        "code": None if coding is None else coding.code,
        "code_system": None if coding is None else coding.system,
        "since": None if time is None else time.start,
        "where": line.where,
        "negated": fact.negated,
    }


def _rejection(text: str) -> tuple[UUID, str]:
    id, _, reason = text.partition("=")
    try:
        line = UUID(id)
    except ValueError:
        line = None
    if line is None or not reason.strip():
        fail(EXIT_USAGE, f"--reject {text}: write LINE=REASON; `dmp summary` lists the lines")
    return line, reason.strip()


def _statement(text: str) -> dict[str, Any]:
    chapter, separator, rest = text.partition(":")
    check_value("--state", chapter, STATED_CHAPTERS)
    words, _, since = rest.rpartition(":")
    if not (words and since[:4].isdigit()):
        words, since = rest, ""
    if not separator or not words.strip():
        fail(EXIT_USAGE, f"--state {text}: write CHAPTER:TEXT or CHAPTER:TEXT:SINCE, such as problems:Asthme:2011")
    return {"chapter": chapter, "text": words.strip(), "since": since or None}
