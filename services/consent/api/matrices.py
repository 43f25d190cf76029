"""The national matrix: administrators import versions, look at what they change, and activate them."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from services.consent.models.matrices import ActivationBody, DiffView, MatrixView
from services.consent.usecases.activate_matrix import activate_matrix
from services.consent.usecases.compare_matrix import compare_matrix, list_matrices, show_matrix
from services.consent.usecases.import_matrix import import_matrix
from shared.contracts.base import CODE_PATTERN
from shared.http.admission import Urgency, urgent
from shared.http.app import AuthenticatedCaller, LongPool, ServicePool
from shared.http.door import AS_THE_SERVICE, Door, takes
from shared.http.problems import prefers_french
from shared.http.tokens import Caller
from shared.terminology.matrix import MatrixInvalidError

SCOPE = "matrices.write"
_ANSWERS: dict[int | str, dict[str, Any]] = {403: {"description": f"needs the scope {SCOPE}"}}
_UNKNOWN: dict[int | str, dict[str, Any]] = {404: {"description": "`matrix-unknown`"}}
_CSV: dict[str, Any] = {"content": {"text/csv": {"schema": {"type": "string"}}}}
_NAME = {"pattern": CODE_PATTERN, "max_length": 64, "examples": ["2027-01-01"]}
MatrixName = Annotated[str, Path(**_NAME)]


async def administrator(caller: AuthenticatedCaller) -> Caller:
    """FastAPI dependency. Raises ForbiddenError without the scope."""
    caller.require(SCOPE)
    return caller


Administrator = Annotated[Caller, Depends(administrator)]
router = APIRouter(
    route_class=Door, prefix="/matrices", tags=["matrices"], dependencies=[Depends(administrator)], responses=_ANSWERS
)


@router.post(
    "",
    summary="Import a version of the matrix",
    status_code=201,
    openapi_extra={"requestBody": {**_CSV, "required": True}},
    responses={409: {"description": "`matrix-name-taken`"}, 422: {"description": "`matrix-invalid`, which line"}},
)
@urgent(Urgency.BULK)
@takes(AS_THE_SERVICE)
async def post_matrix(
    request: Request,
    pool: ServicePool,
    caller: Administrator,
    name: Annotated[str, Query(**_NAME)],
) -> MatrixView:
    """CSV with the columns profession, type, answer, status. In force nowhere before it is activated."""
    try:
        text = (await request.body()).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MatrixInvalidError from error
    stored = await import_matrix(pool, name, text, caller.id)
    _, present = await list_matrices(pool)
    return MatrixView.of(stored, present)


@router.get("", summary="All versions of the matrix")
async def get_matrices(pool: ServicePool) -> list[MatrixView]:
    """Packaged ones first, then as they were imported."""
    known, present = await list_matrices(pool)
    return [MatrixView.of(one, present) for one in known]


@router.get(
    "/{name}",
    summary="The file of a version",
    response_class=Response,
    responses={200: _CSV, 404: {"description": "`matrix-unknown`, `matrix-file-unknown`"}},
)
async def get_matrix(name: MatrixName, pool: ServicePool) -> Response:
    """As it was imported: each cell with its answer, and whether a decree, a court or a default says so."""
    return Response(await show_matrix(pool, name), media_type="text/csv")


@router.get("/{name}/diff", summary="What a version changes", responses=_UNKNOWN)
async def get_diff(name: MatrixName, request: Request, pool: LongPool) -> DiffView:
    """Against the version in force, in words: for whom what opens and closes. In French with `Accept-Language: fr`."""
    french = prefers_french(request.headers.get("accept-language", ""))
    return DiffView.of(await compare_matrix(pool, name), french)


@router.post(
    "/{name}/activation",
    summary="Say from when a version is in force",
    responses={**_UNKNOWN, 409: {"description": "`matrix-in-force`"}, 422: {"description": "`activation-invalid`"}},
)
async def post_activation(
    name: MatrixName, body: ActivationBody, request: Request, pool: ServicePool, caller: Administrator
) -> MatrixView:
    """In force everywhere at `active_from`. Of those whose date has come the one with the latest is in force."""
    stored = await activate_matrix(pool, name, body.active_from, request.app.state.copy_limit, caller.id)
    _, present = await list_matrices(pool)
    return MatrixView.of(stored, present)
