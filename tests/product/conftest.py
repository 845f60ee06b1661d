# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Machines to type commands on: fresh, sealed, and one that isn't sealed."""

from pathlib import Path

import pytest

from product.machine import DATA, OFF, Machine, Template


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine that knows no archive."""
    return Machine(tmp_path)


@pytest.fixture(scope="session")
def _sealed(tmp_path_factory: pytest.TempPathFactory) -> Template:
    root = tmp_path_factory.mktemp("sealed") / "m"
    return Template(root, "--remember", f"--passcmd=cat {root}/passphrase")


@pytest.fixture
def sealed(_sealed: Template) -> Machine:
    """A machine with an empty sealed archive whose key it remembers."""
    return _sealed.fresh()


@pytest.fixture(scope="session")
def _clear(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return Template(tmp_path_factory.mktemp("clear") / "m", *OFF)


@pytest.fixture
def clear(_clear: Template) -> Machine:
    """A machine with an empty archive that isn't sealed: no scrypt."""
    return _clear.fresh()


@pytest.fixture(scope="session")
def _kept(tmp_path_factory: pytest.TempPathFactory) -> Template:
    root = tmp_path_factory.mktemp("kept") / "m"
    return Template(root, *OFF, volumes={"a": DATA})


@pytest.fixture
def kept(_kept: Template) -> Machine:
    """A machine with one session of the volume a, which holds DATA."""
    return _kept.fresh()
