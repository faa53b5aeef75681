"""Reading, changing and removing the caller's own account."""

from typing import Final

from app.problems import Conflict, Unavailable, UserGone
from app.resources import Resources
from app.subscriptions import service as subscriptions
from app.tokens import Principal
from app.users import repository
from app.users.repository import EmailTaken
from app.users.schemas import User, UserChanges

_ATTEMPTS: Final = 3  # one more for each checkout that begins while the customer before it is being deleted


async def current(here: Resources, caller: Principal) -> User:
    """The caller.

    Raises Unauthorized when they were removed in this moment.
    """
    return _still_there(await repository.get(here.database, caller))


async def change(here: Resources, caller: Principal, changes: UserChanges) -> User:
    """The caller after the change.

    Raises Conflict when the address is taken, and Unauthorized when they were removed in this moment.
    """
    columns: dict[str, str | None] = {}
    if "email" in changes:
        columns["email"] = changes["email"]
    if "v0_api_key" in changes:
        key = changes["v0_api_key"]
        columns["v0_api_key"] = here.cipher.encrypt(key.get_secret_value(), caller.user_id) if key else None
    if not columns:
        return await current(here, caller)
    async with here.database.as_user(caller) as connection:
        try:
            user = await repository.update(connection, caller.user_id, columns)
        except EmailTaken:
            raise Conflict("There is a user with this e-mail address already.") from None
        return _still_there(user)


async def remove(here: Resources, caller: Principal) -> None:
    """Removes the caller and all that is theirs, after what they pay for was ended; their tokens speak for nobody then.

    Raises Unavailable, with nothing removed, when Stripe could not be told.
    """
    for _ in range(_ATTEMPTS):
        customer_id = await subscriptions.end(here, caller)
        async with here.database.as_user(caller) as connection:
            if await repository.delete(connection, caller.user_id, customer_id):
                return
    raise Unavailable("A checkout began meanwhile.")


def _still_there(user: User | None) -> User:
    if user is None:
        raise UserGone
    return user
