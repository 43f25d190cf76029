"""The page of the devices on which the holder has signed in."""

from typing import Final
from uuid import UUID

from fastapi import Request, Response

from services.identity.accounts.api.dependencies import Holder
from services.identity.accounts.domain.sessions import DeviceUnknownError
from services.identity.accounts.usecases.list_devices import list_devices
from services.identity.accounts.usecases.sign_out import sign_out
from services.identity.kit.dependencies import ProvidedStorage
from shared.http.app import ServicePool
from shared.web.doors import page_router
from shared.web.forms import read_form
from shared.web.pages import pages_of
from shared.web.session import see_other

router = page_router()
PATH: Final = "/compte/appareils"


@router.get(PATH)
async def get_devices(request: Request, holder: Holder, storage: ProvidedStorage) -> Response:
    """Shows the devices, the last seen first."""
    devices = await list_devices(storage, *holder)
    return pages_of(request).page(request, "accounts/devices.html", devices=devices, session_id=holder.session_id)


@router.post(PATH)
async def post_devices(request: Request, holder: Holder, pool: ServicePool) -> Response:
    """Signs one device out, or all of them, also this one."""
    device = (await read_form(request)).text("device")
    try:
        device_id = None if device == "all" else UUID(device)
    except ValueError:
        raise DeviceUnknownError from None
    await sign_out(pool, *holder, device_id)
    return see_other("/connexion" if device_id is None else PATH)
