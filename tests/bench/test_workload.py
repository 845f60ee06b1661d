# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The workload is the same every time, and changed only where data lies."""

import random
from pathlib import Path

from side_by_side.workload import (
    change_runs,
    changed_bytes,
    copy_files,
    data_ranges,
    plausible_bytes,
    walk_sorted,
)

MIB = 1 << 20


def tree(root: Path, **sizes: int) -> Path:
    for name, size in sizes.items():
        path = root / name.replace("_", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * size)
    return root


def test_walk_is_sorted_and_takes_no_links(tmp_path: Path) -> None:
    tree(tmp_path, b_2=1, b_1=1, a=1, c_0=1)
    (tmp_path / "0").symlink_to("a")
    names = [str(p.relative_to(tmp_path)) for p in walk_sorted(tmp_path)]
    assert names == ["a", "b/1", "b/2", "c/0"]


def test_file_that_does_not_fit_is_passed_over(tmp_path: Path) -> None:
    source = tree(tmp_path / "in", a=20_000, b=90_000, c=30_000)
    assert copy_files(source, tmp_path / "out", 60_000) == 2
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a", "c"]


def test_one_percent_is_whole_runs() -> None:
    assert changed_bytes(100 * MIB) == MIB
    assert changed_bytes(1 * MIB) == 256 << 10


def test_changes_lie_in_data_and_repeat(tmp_path: Path) -> None:
    images = [tmp_path / "one.img", tmp_path / "two.img"]
    for image in images:
        with open(image, "wb") as file:
            file.truncate(16 * MIB)
            file.seek(4 * MIB)
            file.write(b"d" * MIB)
        before = list(data_ranges(image, at_least=1))
        change_runs(image, MIB, seed=7)
        assert list(data_ranges(image, at_least=1)) == before
    content = images[0].read_bytes()
    assert content == images[1].read_bytes()
    assert content.count(b"d") < MIB
    assert not any(content[: 4 * MIB]) and not any(content[5 * MIB :])


def test_made_up_bytes_never_repeat() -> None:
    chance = random.Random(1)
    pages = {plausible_bytes(4096, chance) for _ in range(100)}
    assert len(pages) == 100
    assert {len(page) for page in pages} == {4096}
