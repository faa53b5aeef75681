"""The test suite itself."""

import tomllib

from infra.release import ROOT


def test_every_test_file_is_collected() -> None:
    collected = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]["testpaths"]
    for file in (ROOT / "tests").rglob("*.py"):
        if "def test_" not in file.read_text():
            continue
        assert file.name.startswith("test_"), f"{file}: pytest does not collect it"
        assert any(file.is_relative_to(ROOT / path) for path in collected), f"{file}: in no test path"
