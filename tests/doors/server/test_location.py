"""The project is found upwards from where the caller stands, above the server's root only where that is inside one."""

from __future__ import annotations

import pytest

from workbench.doors.server.location import folder_of, project_folder
from workbench.foundation.errors import NotFoundError, UsageError


@pytest.fixture
def server_root(tmp_path):
    root = tmp_path / "home" / "root"
    (root / "project" / "notebooks").mkdir(parents=True)
    (root / "project" / "workbench.toml").touch()
    (root / "project" / "notebooks" / "train.ipynb").touch()
    (root / "other").mkdir()
    return root


@pytest.mark.parametrize(
    "location",
    [
        "project",
        "/project",
        "project/",
        "project/notebooks",
        "project/notebooks/train.ipynb",
        "project/gone/deeper",
        "./project",
    ],
)
def test_found_upwards(server_root, location):
    assert project_folder(server_root, location) == server_root / "project"


@pytest.mark.parametrize("location", ["", "/", "other", "gone"])
def test_missing(server_root, location):
    with pytest.raises(NotFoundError) as caught:
        project_folder(server_root, location)
    assert caught.value.code == "project-missing"
    assert "mlops init" in caught.value.hint


def test_above_the_root_only_where_the_root_lies_inside(server_root):
    (server_root.parent / "sibling").mkdir()
    (server_root.parent / "sibling" / "workbench.toml").touch()
    with pytest.raises(NotFoundError):
        project_folder(server_root, "other")
    (server_root.parent / "workbench.toml").touch()
    assert project_folder(server_root, "other") == server_root.parent
    assert project_folder(server_root, "") == server_root.parent
    assert project_folder(server_root, "project") == server_root / "project"


@pytest.mark.parametrize("location", ["..", "../sibling", "project/../..", "/../x", "a\0b"])
def test_no_way_out(server_root, location):
    with pytest.raises(UsageError) as caught:
        folder_of(server_root, location)
    assert caught.value.code == "path-outside"


def test_a_linked_folder_is_where_it_looks_to_be(server_root, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "workbench.toml").touch()
    (server_root / "linked").symlink_to(elsewhere)
    assert project_folder(server_root, "linked") == server_root / "linked"
