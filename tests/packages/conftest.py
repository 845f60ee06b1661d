# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The packages, built once, and unpacked into empty roots."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Dict, List

import pytest

ROOT = Path(__file__).parents[2]
RPMS = ("python3-wyng-common", "qvm-wyng-dom0", "qvm-wyng-vm")
# Who is installed where, by the name of the root.
PLACES = {"dom0": RPMS[:2], "vm": (RPMS[0], RPMS[2])}
TOOLS = {
    "rpmbuild": "rpm",
    "rpm2cpio": "rpm2cpio",
    "cpio": "cpio",
    "dpkg-buildpackage": "dpkg-dev",
    "dh": "debhelper",
    "dh_python3": "dh-python",
}


def run(*words: "str | Path", **more: object) -> str:
    """Standard output of a command that must succeed."""
    done = subprocess.run(
        [str(word) for word in words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=120,
        **more,  # type: ignore[call-overload]
    )
    assert done.returncode == 0, (words, done.stdout, done.stderr.decode())
    return str(done.stdout.decode())


def build(tree: Path, target: Path, **environ: str) -> "Dict[str, Path]":
    """`make rpm deb` of a tree; package name -> file, all below `target`."""
    for tool, package in TOOLS.items():
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed (package {package})")
    environ = {**os.environ, **environ}
    run("make", "-C", tree, f"BUILD={target}", "rpm", "deb", env=environ)
    found = {name: next(target.glob(f"rpm/{name}-*.rpm")) for name in RPMS}
    found["deb"] = next(target.glob("deb/*.deb"))
    return found


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> "Dict[str, Path]":
    """The three RPMs by name, and the .deb as "deb"."""
    return build(ROOT, tmp_path_factory.mktemp("built"))


def unpack_rpm(package: Path, root: Path) -> None:
    archive = subprocess.run(
        ["rpm2cpio", str(package)], stdout=subprocess.PIPE, check=True
    )
    subprocess.run(
        ["cpio", "-idm", "--quiet", "--no-absolute-filenames"],
        input=archive.stdout,
        cwd=root,
        check=True,
    )


@pytest.fixture(scope="session")
def roots(
    packages: "Dict[str, Path]", tmp_path_factory: pytest.TempPathFactory
) -> "Dict[str, Path]":
    """What is on a dom0, in a VM of Fedora and in one of Debian ("deb")."""
    made = {}
    for place, names in PLACES.items():
        made[place] = tmp_path_factory.mktemp(place)
        for name in names:
            unpack_rpm(packages[name], made[place])
    made["deb"] = tmp_path_factory.mktemp("deb")
    run("dpkg-deb", "-x", packages["deb"], made["deb"])
    return made


def site(root: Path) -> Path:
    """The folder of Python packages in a root."""
    (found,) = root.glob("usr/lib/python3*/*-packages")
    return found


def files_of(root: Path) -> "List[Path]":
    """Every file and link of a root, relative to it."""
    return sorted(
        path.relative_to(root)
        for path in root.rglob("*")
        if path.is_symlink() or not path.is_dir()
    )
