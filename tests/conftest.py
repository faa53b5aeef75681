"""How the tests are divided between the two processes of `make test`."""

from pathlib import Path

import pytest

from infra.release import ROOT

# Tests that share a server or a stack run in one process. Those that only use a stack and those that change it have one
# each, side by side; in a single process (`pytest tests/e2e`) they share one.
_CHANGE_THE_STACK = {"test_migrations", "test_mishaps", "test_stack"}


def _group(file: Path) -> str | None:
    match file.relative_to(ROOT / "tests").parts[0]:
        case "database":
            return "database"
        case "e2e":
            return "deploys" if file.stem in _CHANGE_THE_STACK else "serves"
        case _:
            return None


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if group := _group(item.path):
            item.add_marker(pytest.mark.xdist_group(group))
