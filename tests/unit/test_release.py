"""Content digests: what changes an image's tag and what does not."""

from pathlib import Path

import pytest

from infra import release


def tree(root: Path) -> Path:
    (root / "a" / "__pycache__").mkdir(parents=True)
    (root / "a" / "one.py").write_text("1")
    (root / "two.txt").write_text("2")
    return root


def test_the_digest_is_the_same_in_any_place_and_order(tmp_path: Path) -> None:
    here, there = tree(tmp_path / "x"), tree(tmp_path / "y")
    assert release.content_digest(["a", "two.txt"], here) == release.content_digest(["two.txt", "a"], there)


@pytest.mark.parametrize("change", ["content", "name", "mode"])
def test_the_digest_follows_content_name_and_execute_bit(tmp_path: Path, change: str) -> None:
    root = tree(tmp_path)
    before = release.content_digest(["a"], root)
    file = root / "a" / "one.py"
    match change:
        case "content":
            file.write_text("changed")
        case "name":
            file.rename(file.with_name("renamed.py"))
        case _:
            file.chmod(0o755)
    assert release.content_digest(["a"], root) != before


def test_compiled_python_does_not_change_the_digest(tmp_path: Path) -> None:
    root = tree(tmp_path)
    before = release.content_digest(["a"], root)
    (root / "a" / "__pycache__" / "one.pyc").write_text("x")
    assert release.content_digest(["a"], root) == before


def test_a_source_that_is_not_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="missing"):
        release.content_digest(["missing"], tmp_path)


@pytest.mark.parametrize("image", release.IMAGE_SOURCES)
def test_every_image_has_a_dockerfile_on_our_one_base_and_copies_only_what_its_tag_is_made_from(image: str) -> None:
    lines = (release.ROOT / "images" / image / "Dockerfile").read_text().splitlines()
    bases = [line.split()[1] for line in lines if line.startswith("FROM")]
    assert bases[-1] == ("${API_IMAGE}" if image == "fakes" else "debian:trixie-slim")
    copied = [word for line in lines if line.startswith("COPY") and "--from" not in line for word in line.split()[1:-1]]
    for source in copied:
        known = any(source.startswith(prefix) for prefix in release.IMAGE_SOURCES[image])
        assert known or source == "images/extra-ca/", f"{source} would change {image} without changing its tag"
