"""What a deployment is made from: digests of the sources, so that equal content always carries an equal name."""

import hashlib
import tomllib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# What the API's image is made from apart from the API.
API_PACKAGES = ("images/api", "requirements/app.txt")

# What each image is made from, relative to the project. A file that is in no list changes no image.
IMAGE_SOURCES: dict[str, tuple[str, ...]] = {
    "api": (*API_PACKAGES, "app", "migrations"),
    "fakes": (*API_PACKAGES, "images/fakes", "tests/fakes"),
    "database": ("images/database",),
    "cache": ("images/cache",),
    "nginx": ("images/nginx",),
    "object-store": ("images/object-store",),
    "prometheus": ("images/prometheus",),
    "ops": ("images/ops", "images/api/rds-ca.pem", "jobs", "migrations"),
}


def content_digest(sources: Iterable[str], root: Path = ROOT) -> str:
    """SHA-256 over the names, modes' execute bits and bytes of all files under `sources`, in a fixed order.

    Raises FileNotFoundError when a source is not there.
    """
    digest = hashlib.sha256()
    for source in sorted(sources):
        for path in _files(root / source):
            executable = "x" if path.stat().st_mode & 0o100 else "-"
            name = path.relative_to(root).as_posix()
            content = path.read_bytes()
            digest.update(f"{name}\0{executable}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise FileNotFoundError(f"{path}: an image is made from it, but it is not there")
    found = (p for p in path.rglob("*") if p.is_file())
    return sorted(p for p in found if "__pycache__" not in p.parts and p.suffix != ".pyc")


@cache
def image_tag(image: str) -> str:
    """The first 12 digits of the digest of the image's sources, as they were when it was first asked for."""
    return content_digest(IMAGE_SOURCES[image])[:12]


def image_name(image: str) -> str:
    """`nuggetwise/<image>:<tag>`."""
    return f"nuggetwise/{image}:{image_tag(image)}"


def api_base_name() -> str:
    """A second name of the API's image, which stays when only the API's code changes: what other images build on."""
    return f"nuggetwise/api:packages-{content_digest(API_PACKAGES)[:12]}"


def app_version(tag: str | None = None) -> str:
    """The release that the API calls itself: the project's version and the digest of its image's sources.

    The image is that of these sources, where none is given by its tag.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return f"{project['version']}+{tag or image_tag('api')}"
