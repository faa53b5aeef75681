"""Generating a component: reserve, ask v0, count.

While v0 is asked no database connection is held. What keeps two requests from sharing the last generation of a month is
a reservation: it is made, with the check of the quota, under a lock of the user's row; it becomes a row of `usage`, or
is given back when v0 fails. One whose process died counts against the quota for two minutes and then no more.
"""

import logging
from contextlib import suppress
from datetime import UTC, datetime
from math import ceil
from uuid import UUID

from psycopg.errors import ForeignKeyViolation

from app.breaker import Open
from app.components import repository, v0
from app.components.repository import Account
from app.components.schemas import Generation
from app.components.v0 import Component
from app.crypto import DecryptionError
from app.problems import BadGateway, Conflict, Problem, TooManyRequests, Unavailable, Unprocessable, UserGone
from app.resources import Resources
from app.tokens import Principal

logger = logging.getLogger("app.components")

_RETRY_AFTER = 10  # seconds, after a failure of v0


async def generate(here: Resources, caller: Principal, prompt: str) -> Generation:
    """A component, which counts as one generation of this month.

    Raises TooManyRequests past the quota, Conflict for a bad key of the caller's own, Unprocessable for a prompt that
    v0 refuses, BadGateway and Unavailable when v0 fails.
    """
    try:
        here.v0.breaker.check()
    except Open as rest:
        raise Unavailable("v0 is down.", retry_after=rest.retry_after) from None
    account, reservation = await _reserve(here, caller)
    try:
        component = await _ask(here, caller, account, prompt)
    except Exception:
        # Where that fails too, the reservation ends by itself.
        with suppress(Problem):
            async with here.database.as_user(caller) as connection:
                await repository.release(connection, reservation)
        raise
    await _count(here, caller, reservation, component)
    here.metrics.component_generations.inc()
    return Generation(id=reservation, code=component.code, model=component.model)


async def _reserve(here: Resources, caller: Principal) -> tuple[Account, UUID]:
    async with here.database.as_user(caller) as connection:
        account = await repository.lock_account(connection, caller.user_id)
        if account is None:
            raise UserGone
        if account.v0_api_key is None and here.settings.v0_api_key is None:
            raise Unavailable("There is no key for v0: store one of your own, PATCH /api/users/me.")
        quota = here.settings.quota_pro if account.plan == "pro" else here.settings.quota_free
        reservation = await repository.reserve(connection, caller.user_id, quota)
    if reservation is None:
        detail = f"The {quota} component generations of plan {account.plan} are used up for this month (UTC)."
        raise TooManyRequests(detail, retry_after=_rest_of_month(datetime.now(UTC)))
    return account, reservation


async def _ask(here: Resources, caller: Principal, account: Account, prompt: str) -> Component:
    own = account.v0_api_key is not None
    try:
        return await here.v0.generate(prompt, _key(here, caller, account))
    except (v0.KeyRefused, DecryptionError) as error:
        if own:
            raise Conflict("v0 refuses the v0_api_key that you stored: replace or remove it.") from None
        logger.error("v0 refuses our key", extra={"error": str(error)})
        raise Unavailable("v0 does not serve us.", retry_after=_RETRY_AFTER) from None
    except v0.Limited as limit:
        if own:
            raise TooManyRequests("v0 limits your v0_api_key.", retry_after=limit.retry_after) from None
        logger.error("v0 limits our key")
        raise Unavailable("v0 does not serve us right now.", retry_after=limit.retry_after) from None
    except v0.PromptRefused:
        raise Unprocessable("v0 refuses this prompt.") from None
    except v0.Nonsense:
        raise BadGateway("v0 answered, but not with a component.") from None
    except v0.Failed:
        raise Unavailable("v0 is down.", retry_after=_RETRY_AFTER) from None
    except v0.Busy:
        raise Unavailable("Too many generations at once.", retry_after=_RETRY_AFTER) from None
    except Open as rest:
        raise Unavailable("v0 is down.", retry_after=rest.retry_after) from None


def _key(here: Resources, caller: Principal, account: Account) -> str:
    if account.v0_api_key is not None:
        try:
            return here.cipher.decrypt(account.v0_api_key, caller.user_id)
        except DecryptionError:
            logger.error("a v0 key cannot be decrypted", extra={"user": str(caller.user_id)})
            raise
    assert here.settings.v0_api_key is not None  # checked before anything was reserved
    return here.settings.v0_api_key.get_secret_value()


async def _count(here: Resources, caller: Principal, reservation: UUID, component: Component) -> None:
    async with here.database.as_user(caller) as connection:
        try:
            await repository.count(connection, caller.user_id, reservation, component.model)
        except ForeignKeyViolation:
            raise UserGone from None


def _rest_of_month(now: datetime) -> int:
    """Seconds until the first of the next month."""
    year, month = divmod(now.year * 12 + now.month, 12)
    return ceil((datetime(year, month + 1, 1, tzinfo=UTC) - now).total_seconds())
