"""`/api/installations`."""

from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from app.auth.caller import Caller
from app.installations import service
from app.installations.schemas import Installation, InstallationChanges, InstallationPage, NewInstallation
from app.pages import CursorText, Limit
from app.problems import documented
from app.resources import Here

router = APIRouter(prefix="/api/installations", tags=["installations"])


@router.get("", responses=documented(401, 422, 503))
async def read_page(here: Here, caller: Caller, limit: Limit = 20, cursor: CursorText = None) -> InstallationPage:
    """The caller's installations, newest first."""
    return await service.page(here.database, caller, limit=limit, cursor=cursor)


@router.post("", status_code=201, responses=documented(400, 401, 413, 422, 503))
async def create(here: Here, caller: Caller, new: NewInstallation) -> Installation:
    """Makes an installation; it begins pending."""
    return await service.create(here.database, caller, new.mcp_config)


@router.get("/{installation_id}", responses=documented(401, 404, 422, 503))
async def read(here: Here, caller: Caller, installation_id: UUID) -> Installation:
    """One installation."""
    return await service.get(here.database, caller, installation_id)


@router.patch("/{installation_id}", responses=documented(400, 401, 404, 413, 422, 503))
async def change(here: Here, caller: Caller, installation_id: UUID, changes: InstallationChanges) -> Installation:
    """Changes its status, configuration or error message."""
    return await service.change(here.database, caller, installation_id, changes)


@router.delete("/{installation_id}", status_code=204, response_class=Response, responses=documented(401, 404, 422, 503))
async def remove(here: Here, caller: Caller, installation_id: UUID) -> None:
    """Removes one installation."""
    await service.remove(here.database, caller, installation_id)
