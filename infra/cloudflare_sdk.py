"""Cloudflare's SDK without the part that a stack does not use.

`import pulumi_cloudflare` runs the modules of all its resources, and every preview would pay for it: 2 s, where this
takes 0.6 s (two cores, compiled files there; without them 6 s and 2.5 s). Unlike AWS's SDK it has no lazy import. So
the package is put in place without running its `__init__`, and the import system then loads the modules that are named,
as ever and from the SDK's own files. Whoever asks the package for more (`pulumi_cloudflare.Ruleset`) gets it: then its
`__init__` does run, around the same classes. It would also register how to rebuild resources that the engine hands to a
program by reference, which only programs that implement or call remote components receive.
"""

import importlib.util
import sys
from types import ModuleType
from typing import Any

_NAME = "pulumi_cloudflare"


class _Package(ModuleType):
    """The package until it is asked for something that is not loaded; then it becomes whole."""

    def __getattr__(self, name: str) -> Any:
        # Modules of the package, for which the import system looks after this error.
        if name.startswith("_") or name == "outputs":
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        self.__class__ = ModuleType  # pyright: ignore[reportAttributeAccessIssue]
        assert self.__spec__ and self.__spec__.loader
        self.__spec__.loader.exec_module(self)
        return getattr(self, name)


def _package() -> ModuleType:
    """The SDK's package, which may be there and whole already."""
    if _NAME not in sys.modules:
        spec = importlib.util.find_spec(_NAME)
        assert spec, f"{_NAME} is not installed"
        sys.modules[_NAME] = importlib.util.module_from_spec(spec)
        sys.modules[_NAME].__class__ = _Package
    return sys.modules[_NAME]


_sdk = _package()

from pulumi_cloudflare.dns_record import DnsRecord  # noqa: E402
from pulumi_cloudflare.get_ip_ranges import get_ip_ranges_output  # noqa: E402
from pulumi_cloudflare.provider import Provider  # noqa: E402

if isinstance(_sdk, _Package):
    # Here the name of the module just loaded, in the whole package that of a function.
    del vars(_sdk)["get_ip_ranges"]

__all__ = ["DnsRecord", "Provider", "get_ip_ranges_output"]
