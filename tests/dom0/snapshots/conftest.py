# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Freshly made file systems that can clone files, one of each kind."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from file_rigs import CLONING, IMAGE_SIZE, run


@pytest.fixture(scope="session", params=list(CLONING))
def cloning(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator["tuple[str, Path]"]:
    """A key of CLONING and the folder that such a file system is."""
    key: str = request.param
    kind, options = CLONING[key]
    if os.geteuid() != 0:
        pytest.skip(f"mounting {kind} needs root")
    if shutil.which(f"mkfs.{kind}") is None:
        pytest.skip(f"mkfs.{kind} is not installed")
    base = tmp_path_factory.mktemp(key)
    point, image = base / "mounted", base / "image"
    point.mkdir()
    with open(image, "wb") as file:
        file.truncate(IMAGE_SIZE)
    try:
        run(f"mkfs.{kind}", "-q", image)
        run("mount", "-o", options, image, point)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"{kind} can't be mounted here: {error.stderr.decode()}")
    yield key, point
    run("umount", point)
    image.unlink()


@pytest.fixture
def kind(cloning: "tuple[str, Path]") -> str:
    """Which one of CLONING it is."""
    return cloning[0]


@pytest.fixture
def folder(cloning: "tuple[str, Path]") -> Iterator[Path]:
    """An empty folder on each file system that can clone."""
    made = cloning[1] / "volumes"
    made.mkdir()
    yield made
    shutil.rmtree(made)
