"""`/api/components`."""

from fastapi import APIRouter

from app.auth.caller import Caller
from app.components import service
from app.components.schemas import Generation, Prompt
from app.problems import documented
from app.resources import Here

router = APIRouter(prefix="/api/components", tags=["components"])


@router.post("/generations", status_code=201, responses=documented(400, 401, 409, 413, 422, 429, 502, 503))
async def generate(here: Here, caller: Caller, new: Prompt) -> Generation:
    """Generates a UI component with the caller's own v0 key, else with ours; takes up to a minute.

    409: v0 refuses the caller's own key. 429: the plan's generations of this month are used up. 502: v0 answered
    nonsense. 503: v0 is down. Only a generation that succeeds counts.
    """
    return await service.generate(here, caller, new.prompt)
