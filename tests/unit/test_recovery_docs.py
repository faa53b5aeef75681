"""docs/recovery-production.md: its commands are there, and are those that the rehearsal takes."""

import re
from typing import Any

import pytest
from pydantic import BaseModel

from infra.release import ROOT
from infra.settings import Settings

PAGE = (ROOT / "docs/recovery-production.md").read_text()
DRILL = (ROOT / "rehearsal/scenario/disaster.py").read_text()
SET = re.findall(r"pulumi config set -s production (?:--path nuggetwise:)?([\w.]+) (\S+)", PAGE)


def known(key: str) -> bool:
    model: Any = Settings
    for part in key.split("."):
        if not (isinstance(model, type) and issubclass(model, BaseModel) and part in model.model_fields):
            return False
        options = [model.model_fields[part].annotation, *getattr(model.model_fields[part].annotation, "__args__", ())]
        model = next((each for each in options if isinstance(each, type) and issubclass(each, BaseModel)), None)
    return True


@pytest.mark.parametrize("target", sorted(set(re.findall(r"`?make ([a-z-]+)", PAGE))))
def test_every_target_is_one_of_the_makefile(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_every_setting_is_one_that_the_stack_has() -> None:
    assert len(SET) > 8
    assert [key for key, _ in SET if not known(key)] == []
    assert not known("database.restore.moment"), "or this test sees nothing"


@pytest.mark.parametrize(
    "key",
    [
        "database.generation",
        "database.restore.source",
        "aws.region",
        "aws.copy_region",
        "backups.bucket",
        "backups.copy_bucket",
    ],
)
def test_what_the_rehearsal_sets_is_what_the_page_says(key: str) -> None:
    assert key in dict(SET)
    assert f'"{key}"' in DRILL


@pytest.mark.parametrize("command", ["rollback-frontend", "leave-region"])
def test_what_the_rehearsal_runs_is_what_the_page_says(command: str) -> None:
    assert f"make {command} STACK=production" in PAGE
    assert f'"{command}"' in DRILL
