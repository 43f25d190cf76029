"""Shows a page of a record's history of reimbursements."""

from dataclasses import dataclass
from uuid import UUID

from services.records.facts.context import ReadContext
from services.records.kit.held_records import retry_while_locked
from services.records.reimbursements.domain.history import HistoryPage, HistoryQuery, page_of
from services.records.reimbursements.steps.open_history import HistoryRules, open_history
from shared.http.tokens import Caller


@dataclass(frozen=True, slots=True)
class HistoryView:
    """A page of the history, and the notices for its reader."""

    page: HistoryPage
    notices: tuple[str, ...]


@retry_while_locked
async def read_history(
    context: ReadContext, rules: HistoryRules, caller: Caller, record_id: UUID, query: HistoryQuery
) -> HistoryView:
    """Returns a page of the history if the rules permit. Raises NotFoundError, ForbiddenError, UncheckableError."""
    history = await open_history(context, rules, caller, record_id, query)
    return HistoryView(page_of(history.lines, query, history.facts, history.kept_from), history.permit.notices)
