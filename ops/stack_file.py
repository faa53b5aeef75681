"""`Pulumi.<stack>.yaml`: read before the engine starts, so that a mistake shows at once."""

import os
import subprocess
from pathlib import Path
from typing import Any

import yaml

from infra import settings
from infra.release import ROOT
from ops.errors import OperatorError


def path_of(stack: str) -> Path:
    return ROOT / f"Pulumi.{stack}.yaml"


def read(stack: str, port: int | None) -> settings.Settings:
    """Settings of a stack. One that has no file yet is to be like dev, on `port`; `create` writes its file.

    Raises OperatorError for a missing port, one that contradicts the file, a dev that cannot be copied, or a file that
    is not YAML, and infra.settings.SettingsError for a wrong setting.
    """
    file = path_of(stack)
    if not file.exists():
        if port is None:
            raise OperatorError(
                f"{file.name} does not exist; give the new stack a port: make up STACK={stack} PORT=8090"
            )
        new = settings.parse(stack, {**_config(path_of("dev")), f"{settings.PROJECT}:port": port})
        if "external" in (new.database.kind, new.cache.kind):
            raise OperatorError(
                f"{file.name} does not exist, and dev's database or cache lives elsewhere, which two stacks must not "
                f"share; write {file.name} yourself, after Pulumi.dev.yaml but without its secrets"
            )
        return new
    config = _config(file)
    environment = config.get(f"{settings.PROJECT}:environment")
    if environment in ("staging", "production"):
        # Before what else may be missing there, which is not asked for here.
        raise OperatorError(
            f"{file.name}: make up is for dev stacks only; `pulumi up -s {stack}` deploys {environment}"
        )
    parsed = settings.parse(stack, config)
    if port is not None and parsed.port != port:
        raise OperatorError(
            f"{file.name}: nuggetwise:port is {parsed.port}, but PORT={port} was asked for; edit the file"
        )
    return parsed


def load(stack: str) -> settings.Settings:
    """Settings of a stack that has a file, in whatever environment.

    Raises OperatorError when there is no file, or it is not YAML, and infra.settings.SettingsError for a wrong setting.
    """
    file = path_of(stack)
    if not file.exists():
        raise OperatorError(f"{file.name} does not exist: there is no stack {stack}")
    return settings.parse(stack, _config(file))


def create(new: settings.Settings) -> None:
    """Writes the file of a stack that has none: dev's, with the port of its own, and without dev's keys.

    Those are encrypted by dev's salt, so that another stack could not read them.
    """
    file = path_of(new.name)
    if file.exists():
        return
    lines: list[str] = []
    inside_keys = False
    for line in path_of("dev").read_text().splitlines():
        if line.startswith("  nuggetwise:"):
            inside_keys = line.strip() == f"{settings.PROJECT}:keys:"
        if inside_keys or line.startswith(("encryptionsalt:", "#")):
            continue
        lines.append(f"  nuggetwise:port: {new.port}" if line.strip().startswith("nuggetwise:port:") else line)
    file.write_text("\n".join(["# A dev stack beside dev, copied from Pulumi.dev.yaml.", *lines, ""]))


def forget_salt(stack: str) -> None:
    """Drops the `encryptionsalt` that an earlier state left in the file; the engine takes the one in the stack's state.

    With a salt of a state that is gone, the engine would call the right passphrase wrong. A file that holds secrets of
    its own keeps its salt, since nothing else reads them.
    """
    file = path_of(stack)
    if not os.environ.get("PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER") or not file.exists():
        return
    lines = file.read_text().splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith("encryptionsalt:")]
    if kept != lines and not any("secure:" in line for line in lines):
        file.write_text("".join(kept))


def settle(stack: str) -> None:
    """Keeps `git status` clean after the engine wrote the salt: the file differs from the index in size only, and git
    takes that for a change until it is told to look, which it does through the filter (docs/decisions/0003-state.md).
    """
    file = path_of(stack).name
    ours, indexed = (_git("hash-object", f"--path={file}", file), _git("rev-parse", "--verify", "--quiet", f":{file}"))
    if ours and ours == indexed:
        _git("update-index", file)


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, check=False, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""


def _config(file: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(file.read_text())
    except yaml.YAMLError as error:
        raise OperatorError(f"{file.name}: is not YAML: {error}") from None
    config = (document or {}).get("config") or {}
    if not isinstance(config, dict):
        raise OperatorError(f"{file.name}: `config` must be a block of keys")
    return config
