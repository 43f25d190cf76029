"""POST /records/{id}/what-if: who could no longer see what, before a change is made."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Request, Response

from services.records.api.parts import desk_of
from services.records.domain.what_if import Supposed
from services.records.domain.what_if_texts import sentences
from services.records.models import WhatIf, WhatIfAnswer, WhatIfEffect
from services.records.usecases.ask_what_if import Question, ask_what_if
from shared.http.admission import Urgency, urgent
from shared.http.app import AuthenticatedCaller
from shared.http.door import Door
from shared.http.problems import prefers_french
from shared.national_ids import NationalIdAmbiguousError, full_ids

router = APIRouter(route_class=Door, tags=["What if"])


@router.post(
    "/records/{record_id}/what-if",
    summary="Who could no longer see what, if this were changed",
    responses={
        403: {"description": "Not for this kind of token."},
        404: {"description": "No such record or document, or none that you may see."},
        422: {"description": "`invalid`; `national-id-ambiguous`: give the full identifier."},
    },
)
@urgent(Urgency.BULK)
async def what_if(
    record_id: UUID,
    body: WhatIf,
    request: Request,
    response: Response,
    caller: AuthenticatedCaller,
    accept_language: Annotated[str, Header()] = "",
) -> WhatIfAnswer:
    """For who may change the rights: the holder, representatives, carers.

    Counts only what they may see; asking changes and announces nothing.
    """
    question = Question(
        tuple(Supposed(**{**one.model_dump(), "holder_id": _in_full(one.holder_id)}) for one in body.changes),
        tuple((one.document_id, one.change) for one in body.documents),
    )
    effects = await ask_what_if(desk_of(request), caller, record_id, question)
    french = prefers_french(accept_language)
    response.headers.update({"content-language": "fr" if french else "en", "cache-control": "no-store"})
    return WhatIfAnswer(
        sentences=sentences(effects, french=french),
        effects=[
            WhatIfEffect(
                who=one.who,
                id=one.id,
                before=one.before,
                after=one.after,
                lost=one.lost,
                gained=one.gained,
                profession=one.profession,
                assumed=one.assumed,
            )
            for one in effects
        ],
    )


def _in_full(holder_id: str | None) -> str | None:
    """The identifier under which the change itself would name its holder. Raises NationalIdAmbiguousError."""
    possible = () if holder_id is None else full_ids(holder_id)
    if len(possible) > 1:
        raise NationalIdAmbiguousError
    return possible[0] if possible else holder_id
