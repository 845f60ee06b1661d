# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A folder gets its name when all of it is there, and takes no other's."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from wyng_dom0.errors import TargetError
from wyng_dom0.files import restored
from wyng_dom0.files.restored import MARK, new_folder

FILLING = """
import sys
from pathlib import Path
from wyng_dom0.files.restored import new_folder
with new_folder(Path(sys.argv[1])) as made:
    (made.hidden / "half").write_bytes(b"half")
    print("filling", flush=True)
    sys.stdin.read()
"""


def test_what_is_filled_is_hidden_and_then_named(tmp_path: Path) -> None:
    with new_folder(tmp_path) as made:
        (made.hidden / "file").write_bytes(b"x")
        (name,) = os.listdir(tmp_path)
        assert name.startswith(MARK)
        assert made.name("home") == tmp_path / "home"
    assert os.listdir(tmp_path) == ["home"]
    assert (tmp_path / "home" / "file").read_bytes() == b"x"
    assert stat.S_IMODE(os.stat(tmp_path / "home").st_mode) == 0o700


def test_nothing_that_has_the_name_is_touched(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home-2").write_bytes(b"mine")
    os.symlink("nowhere", tmp_path / "home-3")
    with new_folder(tmp_path) as made:
        assert made.name("home").name == "home-4"
    assert (tmp_path / "home-2").read_bytes() == b"mine"
    assert os.readlink(tmp_path / "home-3") == "nowhere"


def test_what_comes_in_between_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was not there when it was looked for, and is when it is named."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "mine").touch()
    (tmp_path / "home-2").touch()
    monkeypatch.setattr(restored.os.path, "lexists", lambda _: False)
    with new_folder(tmp_path) as made:
        assert made.name("home").name == "home-3"
    assert (tmp_path / "home" / "mine").exists()
    assert (tmp_path / "home-2").is_file()


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="can be unpacked into"):
        with new_folder(tmp_path) as made:
            (made.hidden / "file").touch()
            raise OSError(28, "No space left on device")
    assert os.listdir(tmp_path) == []
    with pytest.raises(TargetError):
        with new_folder(tmp_path / "none"):
            pass


def test_killed_one_is_removed_by_the_next_and_a_living_one_is_not(
    tmp_path: Path,
) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", FILLING, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert child.stdout and child.stdout.readline() == b"filling\n"
    (left,) = os.listdir(tmp_path)
    with new_folder(tmp_path):
        assert (tmp_path / left / "half").exists()
    child.send_signal(signal.SIGKILL)
    child.communicate(timeout=60)
    assert os.listdir(tmp_path) == [left] and left.startswith(MARK)
    with new_folder(tmp_path) as made:
        assert os.listdir(tmp_path) == [made.hidden.name]
