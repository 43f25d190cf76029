"""Decisions in the order of the ledger."""

from datetime import datetime

import orjson

from services.audit.explanations.domain import LedgerDecision
from services.audit.ledger.domain.cursors import LedgerCursor
from services.audit.replay.domain import REPLAYED_TYPES
from shared.db.pool import Connection

SELECT_DECISIONS = """
select entry.event_id, entry.event_type, entry.occurred_at, entry.record_id, entry.action, entry.outcome, entry.reason,
       entry.actor_kind, entry.actor_id, entry.document_id, entry.mode, entry.rules_version, entry.details
from ledger_entries entry
where entry.occurred_at >= $1 and entry.occurred_at < $2 and (entry.occurred_at, entry.event_id) > ($1, $3)
  and entry.event_type = any($4::text[]) and entry.rules_version is not null and entry.record_id is not null
order by entry.occurred_at, entry.event_id limit $5"""


async def find_decisions(
    connection: Connection, after: LedgerCursor, until: datetime, limit: int
) -> list[LedgerDecision]:
    """Returns the oldest decisions after a cursor and before a time."""
    rows = await connection.fetch(SELECT_DECISIONS, after.occurred_at, until, after.event_id, REPLAYED_TYPES, limit)
    return [LedgerDecision(**{**row, "details": orjson.loads(row["details"])}) for row in rows]
