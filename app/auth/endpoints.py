"""`/api/auth/*`."""

from fastapi import APIRouter
from starlette.responses import Response

from app.auth import revocations, service
from app.auth.caller import Caller
from app.auth.schemas import Credentials, Registration, Session
from app.problems import documented
from app.resources import Here

router = APIRouter(prefix="/api/auth", tags=["auth"])


@router.post("/register", status_code=201, responses=documented(400, 409, 413, 422, 503))
async def register(here: Here, registration: Registration) -> Session:
    """Makes a user and logs them in."""
    return await service.register(here, registration)


@router.post("/login", responses=documented(400, 401, 413, 422, 503))
async def log_in(here: Here, credentials: Credentials) -> Session:
    """A token for an hour."""
    return await service.log_in(here, credentials)


@router.post("/logout", status_code=204, response_class=Response, responses=documented(401, 503))
async def log_out(here: Here, caller: Caller) -> None:
    """Refuses this token from now on, on every replica."""
    await revocations.revoke(here.database, here.cache, caller)
