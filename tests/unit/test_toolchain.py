"""The installer's decisions, with parts that only say what is asked of them."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from infra.release import ROOT

PARTS = (
    "state",
    "checkout",
    "python",
    "go",
    "pulumi",
    "language_host",
    "docker_provider",
    "docker",
    "base_image",
    "s3s_fs",
    "stripe_mock",
    "docker_registry",
)


@pytest.fixture
def toolchain(tmp_path: Path) -> Path:
    """The real installer over parts that are there, or that a file stands for: `install` makes it."""
    folder = tmp_path / "toolchain"
    folder.mkdir()
    for name in ("install.sh", "common.sh"):
        shutil.copy(ROOT / "toolchain" / name, folder)
    for part in PARTS:
        (folder / f"{part}.sh").write_text(
            f"{part}_ready() {{ [[ ! -e {tmp_path}/missing-{part} ]]; }}\n"
            f"{part}_why() {{ echo 'why {part}'; }}\n"
            f"{part}_install() {{ rm {tmp_path}/missing-{part}; echo 'installed {part}'; }}\n"
            "go_drop() { :; }\n"
        )
    return folder


def install(toolchain: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "NUGGETWISE_CACHE": str(toolchain.parent / "cache")}
    return subprocess.run(
        [toolchain / "install.sh", *arguments], env=environment, check=False, capture_output=True, text=True
    )


def test_only_what_is_missing_is_installed(toolchain: Path) -> None:
    (toolchain.parent / "missing-pulumi").touch()
    done = install(toolchain)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("installed")] == ["installed pulumi"]
    assert install(toolchain).stdout == ""


def test_a_part_that_an_earlier_one_brings_back_is_not_installed(toolchain: Path) -> None:
    """Images cannot be seen while the engine is down; once it runs they may all be there."""
    for part in ("docker", "base_image", "s3s_fs"):
        (toolchain.parent / f"missing-{part}").touch()
    with (toolchain / "docker.sh").open("a") as docker:
        docker.write(f"docker_install() {{ rm {toolchain.parent}/missing-*; echo 'installed docker'; }}\n")
    done = install(toolchain)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("installed")] == ["installed docker"]


def test_a_check_installs_nothing(toolchain: Path) -> None:
    (toolchain.parent / "missing-python").touch()
    done = install(toolchain, "--check")
    assert (done.returncode, done.stdout) == (1, "why python\n")


def test_a_part_that_is_not_ready_after_its_installation_is_told(toolchain: Path) -> None:
    (toolchain.parent / "missing-pulumi").touch()
    with (toolchain / "pulumi.sh").open("a") as pulumi:
        pulumi.write("pulumi_install() { :; }\n")
    done = install(toolchain)
    assert done.returncode == 1
    assert "a defect of toolchain/pulumi.sh" in done.stderr


def test_an_engine_that_is_started_keeps_nothing_open_of_its_starter(tmp_path: Path) -> None:
    """A lock that `make up` runs under would be held for as long as the engine lives."""
    engine = tmp_path / "engine"
    engine.write_text("#!/bin/bash\nreadlink /proc/$$/fd/*; true\n")
    engine.chmod(0o755)
    lock = tmp_path / "lock"
    script = f"source {ROOT}/toolchain/docker.sh; engine_binary() {{ echo {engine}; }}; exec 8>{lock}; engine_run"
    environment = {**os.environ, "STATE": str(tmp_path)}
    done = subprocess.run(["bash", "-c", script], env=environment, check=True, capture_output=True, text=True)
    assert str(engine) in done.stdout
    assert str(lock) not in done.stdout


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone with a cache and a state beside it, and a `docker` that only writes down what it is told."""
    clone = tmp_path / "clone"
    shutil.copytree(ROOT / "toolchain", clone / "toolchain", ignore=shutil.ignore_patterns("*-provider", "pulumi-cli"))
    for kept in ("cache/of-somebody-else", "state/state/.pulumi/stacks/nuggetwise/dev.json", "state/passphrase"):
        (tmp_path / kept).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / kept).touch()
    for gone in ("cache/bin/uv", "cache/pulumi/bin/pulumi", "clone/.venv/bin/python", "clone/images/extra-ca/a.crt"):
        (tmp_path / gone).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / gone).touch()
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(f"#!/bin/bash\necho \"$*\" >> {tmp_path}/told\n[[ $2 != ls ]] || printf 'b2\\na1\\na1\\n'\n")
    docker.chmod(0o755)
    return clone


def test_purge_removes_what_the_installer_made_and_nothing_else(clone: Path) -> None:
    place = clone.parent
    environment = {
        **os.environ,
        "PATH": f"{place}/bin:{os.environ['PATH']}",
        "NUGGETWISE_CACHE": str(place / "cache"),
        "NUGGETWISE_STATE": str(place / "state"),
    }
    for _ in range(2):  # again is harmless
        done = subprocess.run(
            [clone / "toolchain" / "uninstall.sh"], env=environment, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert "stacks and their state stay" in done.stdout
    left = {
        str(file.relative_to(place)) for file in place.rglob("*") if file.is_file() and "toolchain" not in file.parts
    }
    assert left == {
        "bin/docker",
        "told",
        "cache/of-somebody-else",
        "state/passphrase",
        "state/state/.pulumi/stacks/nuggetwise/dev.json",
    }
    assert (place / "told").read_text().splitlines()[:2] == [
        "image ls -q --filter label=nuggetwise.image",
        "image rm --force a1 b2",
    ]
