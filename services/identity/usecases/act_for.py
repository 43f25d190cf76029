"""A token with which somebody signed in acts for another whom they represent or care for."""

from uuid import UUID

from services.identity.announcements import announce
from services.identity.domain.acting import Proxy, entry
from services.identity.domain.opening import RecordUnknownError
from services.identity.domain.sealing import Keyrings
from services.identity.domain.tokens import AccessToken, Issuer, Subject
from services.identity.usecases.check_relation import find_proxy_relation
from services.identity.usecases.check_session import check_session
from services.identity.usecases.telling_refusals import telling_refusals
from shared.contracts.base import Actor
from shared.db.pool import Pool, transaction
from shared.http.tokens import Caller
from shared.messaging.outbox import append
from shared.runtime import clock


async def act_for(
    pool: Pool, keyrings: Keyrings, issuer: Issuer, asking: Caller, own_id: UUID, record_id: UUID
) -> tuple[AccessToken, Proxy]:
    """Five minutes: whoever loses the relation loses this with it. The ledger of that record has both ids. Of a person
    who has two linked records the token names the one by which they represent or care.

    Raises SessionOverError, RecordUnknownError.
    """
    now = clock.now()
    async with telling_refusals(pool, record_id, asking.actor(), "sign-in"), transaction(pool) as connection:
        await check_session(connection, asking.session_id)
        found = await find_proxy_relation(connection, keyrings, record_id, own_id, now)
        if found is None:
            raise RecordUnknownError
        relation, person_id = found.relation, str(found.person_id)
        actor = Actor(kind=relation, id=person_id, client_id=asking.client_id)
        await append(connection, [announce(entry(record_id, actor, "sign-in", f"acting-as-{relation}"))])
    subject = Subject(relation, person_id, asking.client_id, record_id=record_id, session_id=asking.session_id)
    return issuer.issue(subject, token_id=clock.new_id(), now=now), relation
