"""The modules of the real SDKs, each loaded alone.

Importing `pulumi_cloudflare` as a whole takes five seconds, half of them for modules that no stack uses.
"""

import importlib
import importlib.metadata
import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

DISTRIBUTIONS = {"aws": "pulumi_aws", "cloudflare": "pulumi_cloudflare", "vercel": "pulumiverse_vercel"}


class UnknownModule(LookupError):
    """The SDK has no such module."""


def module(package: str, path: str) -> ModuleType:
    """The module that declares what Pulumi calls `package:path:...`, such as `rds/instance`. Raises UnknownModule."""
    folder, _, file = path.rpartition("/")
    parent = _root(package)
    for part in filter(None, folder.split("/")):
        parent = _package(f"{parent.__name__}.{_found(parent, part)}", _folder(parent) / _found(parent, part))
    return importlib.import_module(f"{parent.__name__}.{_found(parent, file)}")


def version(package: str) -> str:
    """The SDK's own version, which the engine expects of the provider as well."""
    return importlib.metadata.version(DISTRIBUTIONS[package])


def neighbours(package: str, path: str) -> list[str]:
    """The modules beside that one, as Pulumi's tokens write them."""
    folder = _folder(_root(package)) / path.rpartition("/")[0]
    stems = [file.stem for file in folder.glob("[a-z]*.py")]
    return [head + "".join(map(str.capitalize, tail)) for head, *tail in (stem.split("_") for stem in stems)]


@cache
def _root(package: str) -> ModuleType:
    name = DISTRIBUTIONS[package]
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise UnknownModule(f"the SDK {name} is not installed")
    folder = Path(spec.origin).parent
    root = _package(f"rehearsed_{name}", folder)
    # It asks for its own distribution's version by its own name, so it must carry the real one.
    utilities_spec = importlib.util.spec_from_file_location(f"{name}._utilities", folder / "_utilities.py")
    assert utilities_spec and utilities_spec.loader
    utilities = importlib.util.module_from_spec(utilities_spec)
    utilities_spec.loader.exec_module(utilities)
    sys.modules[f"{root.__name__}._utilities"] = utilities
    root._utilities = utilities  # pyright: ignore[reportAttributeAccessIssue]
    return root


@cache
def _package(name: str, folder: Path) -> ModuleType:
    """A package without its `__init__`, which would import everything in it."""
    package = ModuleType(name)
    package.__path__ = [str(folder)]
    sys.modules[name] = package
    return package


def _found(parent: ModuleType, part: str) -> str:
    """`loadBalancer` is the file load_balancer.py, `lambda` the folder lambda_."""
    found = _names(_folder(parent)).get(part.lower())
    if found is None:
        raise UnknownModule(f"{parent.__name__} has no {part}")
    return found


@cache
def _names(folder: Path) -> dict[str, str]:
    return {path.stem.replace("_", "").lower(): path.stem for path in folder.iterdir() if not path.name.startswith("_")}


def _folder(parent: ModuleType) -> Path:
    return Path(parent.__path__[0])
