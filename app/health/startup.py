"""Waiting for what the process needs, while it already answers that it lives."""

import asyncio
import logging
import time
from typing import Final

from app.health import service
from app.resources import Resources

logger = logging.getLogger("app.startup")

_FIRST_PAUSE: Final = 0.25  # seconds, doubled each time
_LONGEST_PAUSE: Final = 5.0
_TELL_EVERY: Final = 30.0


async def see_everything(here: Resources) -> None:
    """Asks until database, schema and cache were all seen, and says what is missing once in a while."""
    pause = _FIRST_PAUSE
    told_at = float("-inf")
    while missing := await service.missing(here.database, here.cache, here.schema_head):
        if time.monotonic() - told_at >= _TELL_EVERY:
            told_at = time.monotonic()
            logger.warning("not ready yet", extra={"missing": missing})
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
    here.lifecycle.everything_seen = True
    logger.info("ready")
