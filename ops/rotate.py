"""`make rotate`: a new value for one secret of a stack, and later the end of the one before it.

Of a secret that is ours to make, the stack's settings count the values (`rotations`); `pulumi up` makes the new one. A
key that another service gives out is read from standard input, so that no process list and no history shows it.
"""

import getpass
import sys
from dataclasses import dataclass

from infra import outputs, reencryption
from infra.settings import PROJECT, Keys, Rotation, Rotations, Settings
from ops import engine, stack_file, task
from ops.errors import OperatorError

# Those that are accepted beside their successor, and when they may go. A role of PostgreSQL has one password only.
RETIRE_WHEN = {
    "jwt_secret": "an hour from now, when the last token that the old value signed has ended",
    "encryption_key": "now: nothing is encrypted with the old value any more",
    "cache_token": "now: no replica uses the old value any more",
}
ENCRYPTION_KEY = "encryption_key"
EXTERNAL = {"database_owner_password": "database", "database_api_password": "database", "cache_token": "cache"}
GIVEN_OUT_BY = {"stripe_secret_key": "Stripe", "stripe_webhook_secret": "Stripe", "v0_api_key": "v0"}


@dataclass(frozen=True)
class Change:
    """One number in the stack's settings."""

    key: str
    value: int


def rotate(stack: str, secret: str, *, retire: bool, yes: bool) -> int:
    """Rotates or retires a secret and deploys that.

    Raises OperatorError, either before anything changed or saying what is left to do.
    """
    if secret not in (*Rotations.model_fields, *Keys.model_fields):
        known = ", ".join((*Rotations.model_fields, *Keys.model_fields))
        raise OperatorError(f"SECRET={secret}: is not a secret that can be rotated; those are {known}")
    settings = stack_file.load(stack)
    if settings.environment != "dev" and not yes and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise OperatorError("nobody is here to confirm the update; YES=1 confirms it beforehand")
    if secret in Keys.model_fields:
        _replace_key(settings, secret, retire=retire, yes=yes)
        return 0
    change = plan(settings, secret, retire=retire)
    if retire:
        _check_deployed(settings)
    if retire and secret == ENCRYPTION_KEY:
        _reencrypt(settings)
    engine.ask("config", "set", "--stack", stack, "--path", f"{PROJECT}:{change.key}", str(change.value))
    _deploy(settings, yes=yes)
    if secret == ENCRYPTION_KEY and not retire:
        _reencrypt(settings)
    print(_next_step(settings, secret, retire=retire))
    return 0


def plan(settings: Settings, secret: str, *, retire: bool) -> Change:
    """What to change in the settings. Raises OperatorError when the rotation cannot begin, or cannot end."""
    stack, rotation = settings.name, _rotation(settings, secret)
    if settings.environment == "dev":
        raise OperatorError(f"{stack} is a dev stack, whose secrets are replaced by `pulumi up --replace <URN>`")
    block = EXTERNAL.get(secret)
    if block and getattr(settings, block).kind == "external":
        raise OperatorError(
            f"the {block} of {stack} lives elsewhere; change the password there, then the URL in {block}"
        )
    if not retire:
        if secret in RETIRE_WHEN and not rotation.is_retired:
            raise OperatorError(
                f"{secret}: the value before is still accepted, and yet another one would end that at once. Deploy "
                f"what is not deployed yet (`pulumi up -s {stack}`), then: {_command(stack, secret)} RETIRE=1"
            )
        return Change(f"rotations.{secret}.number", rotation.number + 1)
    if secret not in RETIRE_WHEN:
        raise OperatorError(f"{secret}: has nothing to retire; the database takes one password at a time")
    if rotation.is_retired:
        raise OperatorError(f"{secret}: has nothing to retire; {_command(stack, secret)} makes a new value first")
    return Change(f"rotations.{secret}.retired", rotation.number)


def _rotation(settings: Settings, secret: str) -> Rotation:
    return getattr(settings.rotations, secret)


def _replace_key(settings: Settings, secret: str, *, retire: bool, yes: bool) -> None:
    if retire:
        raise OperatorError(f"{secret}: has nothing to retire; revoke the old one at {GIVEN_OUT_BY[secret]}")
    prompt = f"new {secret} of {settings.name} (not shown): "
    value = (getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.read()).strip()
    if not value or len(value.split()) > 1:
        raise OperatorError(f"{secret}: must be one word on standard input; nothing was changed")
    key = f"{PROJECT}:keys.{secret}"
    engine.ask("config", "set", "--stack", settings.name, "--secret", "--path", key, stdin=value)
    _deploy(settings, yes=yes)
    print(f"Once {settings.name} is deployed, revoke the old {secret} at {GIVEN_OUT_BY[secret]}.")


def _check_deployed(settings: Settings) -> None:
    """Nothing is retired while its successor is not in use everywhere."""
    if engine.pulumi("preview", "--stack", settings.name, "--expect-no-changes") != 0:
        raise OperatorError(
            f"what this clone asks of {settings.name} is not deployed, and so perhaps the new value is not; nothing "
            f"was changed. Run `pulumi up -s {settings.name}` first"
        )


def _deploy(settings: Settings, *, yes: bool) -> None:
    stack = settings.name
    if settings.environment == "dev":
        print(f"Pulumi.{stack}.yaml is changed; `make up STACK={stack}` deploys it.")
        return
    if engine.pulumi("up", "--stack", stack, *(["--yes"] if yes else [])) != 0:
        raise OperatorError(
            f"Pulumi.{stack}.yaml is changed, but that is not deployed. Mend what is named above and run `pulumi up -s "
            f"{stack}`, or take the change in the file back"
        )


def _reencrypt(settings: Settings) -> None:
    """Encrypts what is stored under the first key that is deployed. Can be repeated at will."""
    deployed = engine.ask("stack", "output", "--stack", settings.name, "--json", "--show-secrets")
    if task.run(settings, outputs.parse(deployed), reencryption.NAME) != 0:
        raise OperatorError(
            "some stored secrets are not encrypted with the new key yet, so the old one has to stay; the log above "
            f"tells more. To go on: {_command(settings.name, ENCRYPTION_KEY)} RETIRE=1 (it tries again first)"
        )


def _next_step(settings: Settings, secret: str, *, retire: bool) -> str:
    stack = settings.name
    if retire:
        return f"{secret}: only the new value is accepted. Commit Pulumi.{stack}.yaml."
    if secret not in RETIRE_WHEN:
        return f"{secret}: has a new value. Commit Pulumi.{stack}.yaml."
    return (
        f"{secret}: has a new value, and the one before is still accepted. Commit Pulumi.{stack}.yaml.\n"
        f"Retire it {RETIRE_WHEN[secret]}: {_command(stack, secret)} RETIRE=1"
    )


def _command(stack: str, secret: str) -> str:
    return f"make rotate SECRET={secret} STACK={stack}"
