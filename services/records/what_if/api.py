"""The route POST /records/{id}/what-if, which previews which readers would see which documents after a change."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Response

from services.records.facts.context import InjectedReadContext
from services.records.what_if.domain.what_if import LabelChange, RightsChange
from services.records.what_if.domain.what_if_texts import sentences
from services.records.what_if.models import WhatIfAnswer, WhatIfEffect, WhatIfRequest
from services.records.what_if.usecases.ask_what_if import WhatIfQuestion, ask_what_if
from shared.http.admission import Urgency, urgent
from shared.http.app import AuthenticatedCaller
from shared.http.door import Door
from shared.http.problems import prefers_french
from shared.national_ids import NationalIdAmbiguousError, full_ids

router = APIRouter(route_class=Door, tags=["What if"])


@router.post(
    "/records/{record_id}/what-if",
    operation_id="askWhatIf",
    summary="Preview who would see fewer or more documents after a change",
    responses={
        403: {"description": "This kind of token does not permit this."},
        404: {"description": "There is no such record or document, or you may not know of it."},
        422: {"description": "`invalid`; `national-id-ambiguous`: give the full identifier."},
    },
)
@urgent(Urgency.BULK)
async def what_if(
    record_id: UUID,
    body: WhatIfRequest,
    context: InjectedReadContext,
    response: Response,
    caller: AuthenticatedCaller,
    accept_language: Annotated[str, Header()] = "",
) -> WhatIfAnswer:
    """Previews a change of rights, for callers who may make it: the holder, representatives, carers.

    Counts only documents that you may see. The preview changes and announces nothing.
    """
    question = WhatIfQuestion(
        tuple(
            RightsChange(**{**change.model_dump(), "holder_id": _in_full(change.holder_id)}) for change in body.changes
        ),
        tuple(LabelChange(document.document_id, document.change) for document in body.documents),
    )
    effects = await ask_what_if(context, caller, record_id, question)
    french = prefers_french(accept_language)
    response.headers.update({"content-language": "fr" if french else "en", "cache-control": "no-store"})
    return WhatIfAnswer(
        sentences=sentences(effects, french=french),
        effects=[
            WhatIfEffect(
                who=effect.role,
                id=effect.id,
                before=effect.before,
                after=effect.after,
                lost=effect.lost,
                gained=effect.gained,
                profession=effect.profession,
                assumed=effect.assumed,
            )
            for effect in effects
        ],
    )


def _in_full(grantee_id: str | None) -> str | None:
    """Returns the full identifier under which the change would name its holder. Raises NationalIdAmbiguousError."""
    possible = () if grantee_id is None else full_ids(grantee_id)
    if len(possible) > 1:
        raise NationalIdAmbiguousError
    return possible[0] if possible else grantee_id
