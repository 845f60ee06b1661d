# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""thin_delta is put to a test before it is believed."""

import os
import shutil
from pathlib import Path

import pytest

from wyng_dom0.snapshots.driver import CannotTell
from wyng_dom0.snapshots.thin_tools import ThinTools, parse_thin_ls

TOOLS = ("thin_restore", "thin_delta", "thin_dump")


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, first on the PATH, for programs in place of the real ones."""
    for name in TOOLS:
        if shutil.which(name, path="/usr/sbin:/usr/bin") is None:
            pytest.skip(f"{name} is not installed")
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin:/usr/sbin:/sbin")
    return folder


def replace_tool(folder: Path, name: str, filter_: str) -> None:
    """A tool that does what the real one does, and counts its runs."""
    real = shutil.which(name, path="/usr/sbin:/usr/bin")
    path = folder / name
    path.write_text(
        f'#!/bin/sh\necho >>{folder}/{name}.runs\n"{real}" "$@" | {filter_}\n'
    )
    path.chmod(0o755)


def runs(folder: Path, name: str) -> int:
    path = folder / f"{name}.runs"
    return len(path.read_text().splitlines()) if path.exists() else 0


def test_real_tools_pass(tools: Path, tmp_path: Path) -> None:
    ThinTools(tmp_path / "state").check()
    assert os.listdir(tmp_path / "state") == ["thin-tools.json"]


def test_verdict_is_kept_until_the_program_changes(
    tools: Path, tmp_path: Path
) -> None:
    replace_tool(tools, "thin_delta", "cat")
    for _ in range(3):
        ThinTools(tmp_path / "state").check()
    assert runs(tools, "thin_delta") == 1
    replace_tool(tools, "thin_delta", "cat ")
    ThinTools(tmp_path / "state").check()
    assert runs(tools, "thin_delta") == 2


# What 1.0.0 to 1.0.5 did: a changed block inside of a run was the "same".
@pytest.mark.parametrize(
    "filter_",
    [
        'sed \'s/<different begin="15"/<same begin="15"/\'',
        "sed '/left_only/d'",
        "sed '/right_only begin=\"95\"/d'",
        "sed 's/different/same/'",
        "head -c 200",
        "true",
        'sed \'s/data_block_size="128"/data_block_size="64"/\'',
    ],
)
def test_tool_that_misses_changes_is_not_believed(
    tools: Path, tmp_path: Path, filter_: str
) -> None:
    replace_tool(tools, "thin_delta", filter_)
    for _ in range(2):
        with pytest.raises(CannotTell, match="failed their test"):
            list(ThinTools(tmp_path / "state").delta("/dev/null", 65536, 1, 2))
    assert runs(tools, "thin_delta") == 1


def test_dump_that_misses_blocks_is_not_believed(
    tools: Path, tmp_path: Path
) -> None:
    replace_tool(tools, "thin_dump", "sed '/single_mapping/d'")
    with pytest.raises(CannotTell, match="thin_dump misses blocks"):
        ThinTools(tmp_path / "state").check()


def test_missing_tool_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "wyng_dom0.snapshots.thin_tools.shutil.which", lambda *_, **__: None
    )
    with pytest.raises(CannotTell, match="thin_delta is not installed"):
        ThinTools(tmp_path / "state").check()


def test_test_that_cannot_be_made_is_no_verdict(
    tools: Path, tmp_path: Path
) -> None:
    broken = tools / "thin_restore"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    with pytest.raises(CannotTell, match="can't be made"):
        ThinTools(tmp_path / "state").check()
    broken.unlink()
    ThinTools(tmp_path / "state").check()


def test_list_of_thin_volumes_is_read() -> None:
    assert parse_thin_ls("  1 65536\n 20 0\n\n") == {1: 65536, 20: 0}
    with pytest.raises(CannotTell):
        parse_thin_ls("DEV EXCLUSIVE\n")
