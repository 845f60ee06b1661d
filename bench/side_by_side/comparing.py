# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Compares two clones once and says how many ranges differ.

    python3 comparing.py OLD NEW

A process of its own, so that its memory is the comparison's.
"""

import sys

from wyng_dom0.snapshots.file_changes import changes_between


def main(old: str, new: str) -> None:
    """Print the number of ranges and of bytes."""
    count = total = 0
    with open(old, "rb") as before, open(new, "rb") as after:
        for _, length in changes_between(before.fileno(), after.fileno()):
            count += 1
            total += length
    print(f"{count} ranges, {total} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
