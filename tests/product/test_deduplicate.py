# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`arch-deduplicate` as a user types it."""

import shutil

from product.machine import DATA, Machine


def test_archive_without_duplicates_is_told_so(kept: Machine) -> None:
    said = kept.run("arch-deduplicate")
    assert "nothing lies there twice." in said


def test_packs_copied_in_are_given_back(kept: Machine) -> None:
    packs = kept.backup / "a" / "packs"
    before = sorted(path.stat().st_size for path in packs.rglob("*.pack"))
    for path in list(packs.rglob("*.pack")):
        folder = packs / "ff"
        folder.mkdir(exist_ok=True)
        name = "f" * 8 + path.name[8:]
        shutil.copyfile(path, folder / name)
    (report,) = [
        each
        for each in kept.objects("arch-deduplicate")
        if each.get("kind") == "arch-deduplicate"
    ]
    assert report["freed"] > len(DATA) and not report["pending"]
    after = sorted(path.stat().st_size for path in packs.rglob("*.pack"))
    assert after == before
    kept.run("verify")
    assert "nothing lies there twice." in kept.run("arch-deduplicate")
