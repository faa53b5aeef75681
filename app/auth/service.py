"""Registering and logging in."""

from app.auth import repository
from app.auth.repository import EmailTaken
from app.auth.schemas import Credentials, Registration, Session
from app.problems import Conflict, Unauthorized
from app.resources import Resources
from app.tokens import LIFETIME
from app.users.schemas import User


async def register(here: Resources, registration: Registration) -> Session:
    """Makes a user and logs them in.

    Raises Conflict when the address is taken.
    """
    password_hash = await here.passwords.hash(registration.password.get_secret_value())
    async with here.database.as_nobody() as connection:
        try:
            user = await repository.register_user(connection, registration.email, password_hash)
        except EmailTaken:
            raise Conflict("There is a user with this e-mail address already.") from None
    return _session(here, user)


async def log_in(here: Resources, credentials: Credentials) -> Session:
    """A token for whoever knows the password.

    Raises Unauthorized otherwise, after the same time whether the address is known or not.
    """
    async with here.database.as_nobody() as connection:
        login = await repository.find_login(connection, credentials.email)
    password = credentials.password.get_secret_value()
    good = await here.passwords.verify(login.password_hash if login else None, password)
    if login is None or not good:
        raise Unauthorized("The e-mail address or the password is wrong.", token_presented=False)
    return _session(here, login.user)


def _session(here: Resources, user: User) -> Session:
    return Session(access_token=here.tokens.issue(user.id), expires_in=LIFETIME, user=user)
