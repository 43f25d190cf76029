"""The routes of the national matrix: administrators import versions, compare and activate them."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from services.consent.matrices.domain import MatricesRules
from services.consent.matrices.models import ActivationBody, MatrixDiffView, MatrixView
from services.consent.matrices.usecases.activate_matrix import activate_matrix
from services.consent.matrices.usecases.compare_matrix import compare_matrix
from services.consent.matrices.usecases.import_matrix import import_matrix
from services.consent.matrices.usecases.list_matrices import list_matrices
from services.consent.matrices.usecases.read_matrix_file import read_matrix_file
from shared.contracts.base import CODE_PATTERN
from shared.http.admission import Urgency, urgent
from shared.http.app import AuthenticatedCaller, LongPool, ServicePool
from shared.http.dependencies import provided
from shared.http.door import AS_THE_SERVICE, Door, takes
from shared.http.problems import prefers_french
from shared.http.tokens import Caller
from shared.terminology.matrix import MatrixInvalidError

SCOPE = "matrices.write"
_RESPONSES: dict[int | str, dict[str, Any]] = {403: {"description": f"needs the scope {SCOPE}"}}
_UNKNOWN: dict[int | str, dict[str, Any]] = {404: {"description": "`matrix-unknown`"}}
_CSV: dict[str, Any] = {"content": {"text/csv": {"schema": {"type": "string"}}}}
_FILE: dict[str, Any] = {
    "content": {**_CSV["content"], "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
}
"""The bytes of the file count, whatever media type the request states."""
_NAME = {"pattern": CODE_PATTERN, "max_length": 64, "examples": ["2027-01-01"]}
MatrixName = Annotated[str, Path(**_NAME)]


async def administrator(caller: AuthenticatedCaller) -> Caller:
    """Returns the caller; a dependency of routes. Raises ForbiddenError without the scope."""
    caller.require(SCOPE)
    return caller


Administrator = Annotated[Caller, Depends(administrator)]
router = APIRouter(
    route_class=Door, prefix="/matrices", tags=["matrices"], dependencies=[Depends(administrator)], responses=_RESPONSES
)


@router.post(
    "",
    operation_id="importMatrix",
    summary="Import a version of the matrix",
    status_code=201,
    openapi_extra={"requestBody": {**_FILE, "required": True}},
    responses={409: {"description": "`matrix-name-taken`"}, 422: {"description": "`matrix-invalid`: names the line"}},
)
@urgent(Urgency.BULK)
@takes(AS_THE_SERVICE)
async def post_matrix(
    request: Request,
    pool: ServicePool,
    caller: Administrator,
    name: Annotated[str, Query(**_NAME)],
) -> MatrixView:
    """Imports a version of the matrix. It is not in force before it is activated.

    The body is CSV with the columns profession, type, answer, status.
    """
    try:
        text = (await request.body()).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MatrixInvalidError from error
    stored = await import_matrix(pool, name, text, caller.id)
    return MatrixView.of(stored, (await list_matrices(pool)).in_force)


@router.get("", operation_id="listMatrices", summary="List the versions of the matrix")
async def get_matrices(pool: ServicePool) -> list[MatrixView]:
    """Lists all versions: packaged ones first, then the imported ones in the order of their import."""
    listed = await list_matrices(pool)
    return [MatrixView.of(version, listed.in_force) for version in listed.versions]


@router.get(
    "/{name}",
    operation_id="getMatrix",
    summary="Download the file of a version",
    response_class=Response,
    responses={200: _CSV, 404: {"description": "`matrix-unknown`, `matrix-file-unknown`"}},
)
async def get_matrix(name: MatrixName, pool: ServicePool) -> Response:
    """Returns the imported file: the answer of each cell, and whether a decree, a court or a default gives it."""
    return Response(await read_matrix_file(pool, name), media_type="text/csv")


@router.get(
    "/{name}/diff", operation_id="compareMatrix", summary="Compare a version with the one in force", responses=_UNKNOWN
)
async def get_diff(name: MatrixName, request: Request, pool: LongPool) -> MatrixDiffView:
    """Returns in words which document types open or close for each profession.

    The words are French with `Accept-Language: fr`, else English.
    """
    french = prefers_french(request.headers.get("accept-language", ""))
    return MatrixDiffView.of(await compare_matrix(pool, name), french)


@router.post(
    "/{name}/activation",
    operation_id="activateMatrix",
    summary="Activate a version",
    responses={**_UNKNOWN, 409: {"description": "`matrix-in-force`"}, 422: {"description": "`activation-invalid`"}},
)
async def post_activation(
    name: MatrixName,
    body: ActivationBody,
    pool: ServicePool,
    caller: Administrator,
    rules: Annotated[MatricesRules, Depends(provided(MatricesRules))],
) -> MatrixView:
    """Activates the version: it comes into force everywhere at `active_from`.

    Of the versions whose date has passed, the one with the latest date is in force.
    """
    stored = await activate_matrix(pool, name, body.active_from, rules, caller.id)
    return MatrixView.of(stored, (await list_matrices(pool)).in_force)
