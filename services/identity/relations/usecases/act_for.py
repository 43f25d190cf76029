"""Issues a token with which a signed-in person acts for another, whom they represent or care for."""

from uuid import UUID

from services.identity.accounts.steps.check_session import check_session
from services.identity.clients.domain.tokens import AccessToken, TokenIssuer, TokenSubject
from services.identity.kit.announcements import announce
from services.identity.kit.unit_of_work import Storage
from services.identity.people.domain.new_person import RecordUnknownError
from services.identity.people.steps import logged_refusals
from services.identity.relations.domain.acts_for_holder import Proxy, permitted_access
from services.identity.relations.steps.check_relation import find_proxy_relation
from shared.contracts.base import Actor
from shared.http.tokens import Caller
from shared.messaging.outbox import append
from shared.runtime import clock


async def act_for(
    storage: Storage, issuer: TokenIssuer, caller: Caller, own_id: UUID, record_id: UUID
) -> tuple[AccessToken, Proxy]:
    """Returns the token and the relation. The token lasts five minutes, so a lost relation ends with it. The access
    ledger of the record has both ids. A person with two linked records appears under the one that has the relation.

    Raises SessionOverError, RecordUnknownError.
    """
    now = clock.now()
    async with logged_refusals(storage.pool, record_id, caller.actor(), "sign-in"), storage.transaction() as work:
        await check_session(work.connection, caller.session_id)
        acting = await find_proxy_relation(work, record_id, own_id, now)
        if acting is None:
            raise RecordUnknownError
        relation, person_id = acting.relation, str(acting.person_id)
        actor = Actor(kind=relation, id=person_id, client_id=caller.client_id)
        await append(
            work.connection, [announce(permitted_access(record_id, actor, "sign-in", f"acting-as-{relation}"))]
        )
    subject = TokenSubject(relation, person_id, caller.client_id, record_id=record_id, session_id=caller.session_id)
    return issuer.issue(subject, token_id=clock.new_id(), now=now), relation
