"""The routes of copies: begin one, look at its progress, fetch it, delete it; and the keys that sign them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from starlette.responses import StreamingResponse

from services.records.exports.context import ExportContext
from services.records.exports.models import ExportKeysView, ExportView
from services.records.exports.usecases.delete_export import delete_export
from services.records.exports.usecases.download_export import Turn, open_download, stream
from services.records.exports.usecases.read_export import read_export
from services.records.exports.usecases.start_export import start_export
from shared.http.admission import Urgency, urgent
from shared.http.app import AuthenticatedCaller
from shared.http.bulk_lane import BulkLaneFullError
from shared.http.dependencies import provided
from shared.http.door import Door, load_of

router = APIRouter(route_class=Door, tags=["Copies"])
InjectedExportContext = Annotated[ExportContext, Depends(provided(ExportContext))]
POLL_AFTER_S: Final = 2
LONGEST_TURN_S: Final = 120.0
"""How long a download waits for a turn before it ends incomplete."""
PATH: Final = "/records/{record_id}/export"
ZIP: Final = "application/zip"
_HIDDEN: Final[dict[int | str, dict[str, Any]]] = {
    403: {"description": "This kind of token takes no copies: they are for the holder and representatives."},
    404: {"description": "There is no such record, or you may not know of it; `export-unknown`: you have no copy."},
    503: {"description": "`cannot-be-checked-now`: whether you still represent the person."},
}


@router.post(
    PATH,
    operation_id="startExport",
    summary="Begin a copy of the whole record",
    status_code=202,
    responses={**_HIDDEN, 409: {"description": "`export-exists`: fetch the copy that you have, or delete it."}},
)
async def post_export(
    record_id: UUID, caller: AuthenticatedCaller, context: InjectedExportContext, response: Response
) -> ExportView:
    """Begins a copy of all documents that the caller may read, for the holder and representatives.

    One at a time for each person and record; it is kept for a day. Each document is decided on when it is read, and
    again when the copy is fetched; each is an entry of the ledger.
    """
    export = await start_export(context, caller, record_id)
    response.headers.update({"location": f"/records/{record_id}/export", "retry-after": str(POLL_AFTER_S)})
    return ExportView.of(export)


@router.get(PATH, operation_id="readExport", summary="Read the progress of a copy", responses=_HIDDEN)
async def get_export(
    record_id: UUID, caller: AuthenticatedCaller, context: InjectedExportContext, response: Response
) -> ExportView:
    """Returns how far the caller's copy of the record is."""
    export = await read_export(context, caller, record_id)
    response.headers["cache-control"] = "no-store"
    if export.state == "preparing":
        response.headers["retry-after"] = str(POLL_AFTER_S)
    return ExportView.of(export)


@router.get(
    f"{PATH}/file",
    operation_id="downloadExport",
    summary="Fetch a copy",
    response_class=Response,
    responses={
        200: {"content": {ZIP: {"schema": {"type": "string", "format": "binary"}}}, "description": "A ZIP archive."},
        **_HIDDEN,
        409: {
            "description": "`export-unfinished`: not ready; `export-failed`; `export-outdated`: it has a document that "
            "you may not read any more."
        },
    },
)
@urgent(Urgency.BULK)
async def get_export_file(
    record_id: UUID, request: Request, caller: AuthenticatedCaller, context: InjectedExportContext
) -> Response:
    """Returns the archive: pages in French and English, each document as it was deposited, FHIR, a signed manifest.

    `dmp verify-export` checks it. An archive that ends before its length lacks documents that you may not read any
    more, or was deleted meanwhile.
    """
    download = await open_download(context, caller, record_id)
    headers = {
        "cache-control": "no-store",
        "content-length": str(download.size),
        "content-disposition": f'attachment; filename="dmp-{download.opening.made_at:%Y-%m-%d}.zip"',
        "x-content-type-options": "nosniff",
    }
    return StreamingResponse(stream(context, download, _turns_of(request.app)), 200, headers, ZIP)


@router.delete(PATH, operation_id="deleteExport", summary="Delete a copy", status_code=204, responses=_HIDDEN)
async def remove_export(record_id: UUID, caller: AuthenticatedCaller, context: InjectedExportContext) -> None:
    """Deletes the caller's copy of the record, prepared or not."""
    await delete_export(context, caller, record_id)


@router.get("/.well-known/export-keys.json", operation_id="getExportKeys", summary="Read the keys that sign copies")
async def get_export_keys(response: Response, context: InjectedExportContext) -> ExportKeysView:
    """Returns the public keys (RFC 7517). A key that has signed stays published while its copies may be presented."""
    response.headers["cache-control"] = "public, max-age=300"
    return ExportKeysView(keys=context.keys.public_jwks())


def _turns_of(app: FastAPI) -> Turn:
    """Returns the turns of downloads: those of the lane of bulk work, which others come before."""
    lane = load_of(app).bulk

    @asynccontextmanager
    async def turn() -> AsyncIterator[None]:
        deadline = asyncio.get_running_loop().time() + LONGEST_TURN_S
        while True:
            try:
                async with lane.turn():
                    yield
                return
            except BulkLaneFullError:
                if asyncio.get_running_loop().time() > deadline:
                    raise
                await asyncio.sleep(1)

    return turn
