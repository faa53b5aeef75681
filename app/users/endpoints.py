"""`/api/users/me`."""

from fastapi import APIRouter
from starlette.responses import Response

from app.auth.caller import Caller
from app.problems import documented
from app.resources import Here
from app.users import service
from app.users.schemas import User, UserChanges

router = APIRouter(prefix="/api/users", tags=["users"])


@router.get("/me", responses=documented(401, 503))
async def read(here: Here, caller: Caller) -> User:
    """The caller."""
    return await service.current(here, caller)


@router.patch("/me", responses=documented(400, 401, 409, 413, 422, 503))
async def change(here: Here, caller: Caller, changes: UserChanges) -> User:
    """Changes the e-mail address, or sets or removes the v0 key, which is stored encrypted and never shown."""
    return await service.change(here, caller, changes)


@router.delete("/me", status_code=204, response_class=Response, responses=documented(401, 503))
async def remove(here: Here, caller: Caller) -> None:
    """Ends the caller's subscription at once, then removes them and all that is theirs; neither without the other."""
    await service.remove(here, caller)
