"""What a campaign knows of the people on a page of the register."""

from collections.abc import Sequence

from services.identity.campaigns.domain import Candidate, FingerprintStatuses
from services.identity.kit.sealed_rows import Keyrings
from services.identity.lifecycle import store as lifecycle
from services.identity.openings.store import openings
from services.identity.people.domain.insured import InsuredRow, open_insured
from shared.crypto.fingerprints import ins_parts
from shared.db.pool import Connection


def open_candidates(keyrings: Keyrings, page: Sequence[InsuredRow]) -> list[Candidate]:
    """Returns the decrypted rows."""
    rows = [(row, open_insured(keyrings.persons, row)) for row in page]
    return [Candidate(row, record, keyrings.ins.fingerprints(*ins_parts(record.person.ins))) for row, record in rows]


async def load_fingerprint_statuses(connection: Connection, page: Sequence[Candidate]) -> FingerprintStatuses:
    """Returns what the database holds for the fingerprints of these candidates."""
    fingerprints = [fingerprint for candidate in page for fingerprint in candidate.fingerprints]
    recorded = await openings.find_records(connection, fingerprints)
    return FingerprintStatuses(recorded, await lifecycle.load_suppressions(connection, fingerprints))
