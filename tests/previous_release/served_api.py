"""Takes over in the previous release's tests/e2e/conftest.py: its API runs already, without a stack around it."""

import inspect
import os
from types import SimpleNamespace

import pytest

# Tests that look into the containers of a stack themselves.
NEED_A_STACK = {"stack"}


@pytest.fixture(scope="session")
def stack() -> SimpleNamespace:
    port = int(os.environ["PREVIOUS_RELEASE_PORT"])
    return SimpleNamespace(port=port, url=f"http://127.0.0.1:{port}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what needs a stack."""
    out = [item for item in items if isinstance(item, pytest.Function) and _needs_a_stack(item)]
    config.hook.pytest_deselected(items=out)
    items[:] = [item for item in items if item not in out]


def _needs_a_stack(item: pytest.Function) -> bool:
    return bool(NEED_A_STACK & set(inspect.signature(item.function).parameters))
