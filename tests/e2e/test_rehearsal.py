"""Staging and production through their whole lives, on stand-ins for their clouds."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from infra.release import ROOT


def rehearsed(what: str, stack: str, folder: Path) -> dict[str, dict[str, Any]]:
    """The steps of a rehearsal that went well, by their sentences."""
    file = folder / "report.json"
    done = subprocess.run(
        [sys.executable, "-m", "rehearsal.scenario", what, "--stack", stack, "--report", str(file)],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    report = json.loads(file.read_text())
    assert report["failure"] is None
    return {step["what"]: step for step in report["steps"]}


def facts(steps: dict[str, dict[str, Any]], beginning: str) -> dict[str, Any]:
    """What is known of the step whose sentence begins so."""
    return next(step["facts"] for what, step in steps.items() if what.startswith(beginning))


def test_production_lives_through_all_that_may_happen_to_it(tmp_path: Path) -> None:
    steps = rehearsed("run", "production", tmp_path)
    assert facts(steps, "A preview")["violations"] == []
    assert facts(steps, "It comes up")["resources"] > 200
    assert facts(steps, "The same again")["operations"] == {}
    assert facts(steps, "`destroy` removes")["left"]["Bucket"] >= 2
    assert any(what.startswith("A release that cannot start") for what in steps)


def test_production_comes_back_from_the_loss_of_its_database_its_frontend_and_its_region(tmp_path: Path) -> None:
    steps = rehearsed("disaster", "production", tmp_path)
    for beginning in ("database.generation: 2", "The database is there, but wrong", "The settings name eu-west-1"):
        operations = facts(steps, beginning)["operations"]
        assert operations["create"] >= 6, "an instance, its logs, its role and its copied backups"
        assert operations["update"] > 0, "the API moves"
    copies = facts(steps, "eu-central-1 is gone")["copies"]
    assert "bucket nuggetwise-backups-copy" in copies
    assert any(copy.startswith("secret nuggetwise-production-backup-identity") for copy in copies)
    assert any("refused" in step["result"] for step in steps.values())


def test_staging_comes_up_drifts_and_is_taken_down(tmp_path: Path) -> None:
    steps = rehearsed("brief", "staging", tmp_path)
    assert facts(steps, "The same again")["operations"] == {}
    assert facts(steps, "Changed outside")["operations"] == {"create": 1, "update": 2}
    assert any(what.startswith("`destroy` is refused") for what in steps)
    assert facts(steps, "`destroy` removes")["left"]["Bucket"] >= 2
