# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What commands report of dom0's own files, as values; see reports."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FileRow:
    """A file, and what is to be said of it in a few words.

    `diff` is a unified diff from the session to now, cut if it is long.
    """

    path: str
    what: str
    diff: str = ""


@dataclass(frozen=True)
class FilesReport:
    """What became of a volume of files, and how it differs from what is there.

    `target` is the folder that it was unpacked into, "" where it was only
    compared; `compared` is False where there was nothing to compare with. Of
    `missing`, `new` and `differing` the first are listed and all counted.
    """

    archive: str
    volume: str
    session: str
    target: str
    files: int
    size: int
    compared: bool
    missing_count: int = 0
    new_count: int = 0
    differing_count: int = 0
    missing: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    differing: tuple[FileRow, ...] = ()
    left_out: tuple[FileRow, ...] = ()
    packages_missing: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """Nothing differs, packages neither."""
        counted = self.missing_count + self.new_count + self.differing_count
        return not (counted or self.packages_missing)
