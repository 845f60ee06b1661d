# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Founding an archive never touches what somebody else keeps."""

from pathlib import Path

import pytest

from wyng_common.ids import ArchiveId
from wyng_store import founding
from wyng_store.archive import load_identity
from wyng_store.errors import InUse
from wyng_store.layout import Layout


@pytest.mark.parametrize(
    "name",
    [
        "keys/id_ed25519",
        "log/messages",
        "packs/xx/some.pack",
        "trash/letter",
        "index.html",
        "format",
        "format.txt",
        "lock",
        "a.tmp",
    ],
)
def test_somebody_elses_directory_is_refused_untouched(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"mine")
    with pytest.raises(InUse):
        founding.found(Layout(tmp_path), ArchiveId.random())
    assert path.read_bytes() == b"mine"


def test_directory_of_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "keys").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InUse):
        founding.found(Layout(tmp_path / "root"), ArchiveId.random())


@pytest.mark.parametrize("left", [(), ("lock",), ("keys", "log", "packs")])
def test_founding_cut_off_is_taken_over(
    tmp_path: Path, left: "tuple[str, ...]"
) -> None:
    for name in left:
        if name == "lock":
            (tmp_path / name).touch()
        else:
            (tmp_path / name).mkdir()
    archive = ArchiveId.random()
    founding.found(Layout(tmp_path), archive)
    assert load_identity(Layout(tmp_path)) == archive


def test_archive_without_commit_is_taken_over_with_all_it_had(
    tmp_path: Path,
) -> None:
    layout = Layout(tmp_path)
    founding.found(layout, ArchiveId.random())
    founding.put_slot(layout, 0, b"slot of the first")
    second = ArchiveId.random()
    founding.found(layout, second)
    assert load_identity(layout) == second
    assert list(founding.list_slots(layout)) == []
