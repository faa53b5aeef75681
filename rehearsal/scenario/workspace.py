"""Where a rehearsal happens: a folder of its own, with its own copy of the project, state, cloud and registry."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from infra.release import ROOT
from rehearsal.cloud import Cloud
from rehearsal.registry import Registry
from rehearsal.scenario import releases
from rehearsal.scenario.engine import Engine
from rehearsal.scenario.providers import Providers
from rehearsal.scenario.settings_file import ACCOUNT
from rehearsal.services import machine
from rehearsal.services.backend import Backend

COPIED = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", ".schemathesis")
# A user's accounts, their credentials and their state: none of it is for a rehearsal.
PRIVATE = ("AWS_", "CLOUDFLARE_", "VERCEL_", "PULUMI_")
STAND_INS = ("aws", "cloudflare", "vercel")
KEPT = frozenset({"PULUMI_HOME", "PULUMI_SKIP_UPDATE_CHECK"})  # where the toolchain keeps the engine's plugins


@dataclass(frozen=True)
class Workspace:
    """Everything that one rehearsal has, made by `opened` and gone after it."""

    folder: Path
    project: Path
    stack: str
    cloud: Cloud
    registry: Registry
    backend: Backend
    bootstrap: Engine
    engine: Engine
    policies: Path
    rehearsal: str
    environment: Mapping[str, str]


@contextmanager
def opened(stack: str) -> Generator[Workspace]:
    """A workspace for `stack`, with nothing deployed. The user's own stacks, state and accounts stay out of sight."""
    machine.remove_abandoned()
    with ExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="nuggetwise-rehearsal-")))
        project = _copy(folder)
        cloud = Cloud(folder / "cloud.db")
        registry = Registry(folder)
        ending.callback(registry.close)
        ending.callback(releases.forget, registry.address)
        ending.enter_context(_kept(login_file(stack)))
        rehearsal = f"rehearsal-{secrets.token_hex(3)}"
        backend = Backend(cloud, folder, rehearsal, ours=(f"{registry.address}/",))
        ending.callback(backend.close)
        environment = {**_environment(folder, project), **backend.environment}
        providers = Providers(folder, cloud.path, ACCOUNT, registry.address, environment)
        ending.callback(providers.close)
        environment["PULUMI_DEBUG_PROVIDERS"] = providers.attachment
        yield Workspace(
            folder=folder,
            project=project,
            stack=stack,
            cloud=cloud,
            registry=registry,
            backend=backend,
            bootstrap=Engine(project / "bootstrap", "global", folder, environment),
            engine=Engine(project, stack, folder, environment),
            policies=project / "policies",
            rehearsal=rehearsal,
            environment=environment,
        )


def login_file(stack: str) -> Path:
    """Where the program writes its login to the registry: in the user's home, whatever the environment says."""
    from infra.image.registry import FOLDER, home

    return home() / FOLDER / f"{stack}.json"


@contextmanager
def _kept(file: Path) -> Generator[None]:
    """Puts a file of the user's back as it was."""
    before = file.read_bytes() if file.exists() else None
    try:
        yield
    finally:
        if before is not None:
            file.write_bytes(before)
        else:
            file.unlink(missing_ok=True)


def _copy(folder: Path) -> Path:
    """A copy, because the engine writes into the settings' files, and so that nobody edits a rehearsed program."""
    project = folder / "project"
    shutil.copytree(ROOT, project, ignore=COPIED, symlinks=True)
    (project / ".venv").symlink_to(ROOT / ".venv")
    for file in (project / "Pulumi.yaml", project / "bootstrap/Pulumi.yaml"):
        file.write_text(file.read_text() + plugins(folder))
    return project


def plugins(folder: Path) -> str:
    """What a project's file says so that the engine fetches no plugin: the stand-ins are attached to it instead."""
    place = folder / "plugins"
    place.mkdir(exist_ok=True)
    return yaml.safe_dump({"plugins": {"providers": [{"name": name, "path": str(place)} for name in STAND_INS]}})


def _environment(folder: Path, project: Path) -> dict[str, str]:
    (folder / "state").mkdir()
    inherited = {key: value for key, value in os.environ.items() if key in KEPT or not key.startswith(PRIVATE)}
    return {
        **inherited,
        # Without files of attributes beside the state: whoever reads it while the engine writes finds them empty.
        "PULUMI_BACKEND_URL": f"file://{folder}/state?metadata=skip",
        "PULUMI_CONFIG_PASSPHRASE": secrets.token_hex(16),
        "PULUMI_DIY_BACKEND_GZIP": "false",
        # The copy's packages, not those of the clone that the virtual environment was made for.
        "PYTHONPATH": str(project),
        "CLOUDFLARE_API_TOKEN": "rehearsal",
        "VERCEL_API_TOKEN": "rehearsal",
    }
