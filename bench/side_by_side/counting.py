# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs a program of ours and counts what it reads of volumes by pread.

    python3 counting.py REPORT PROGRAM [ARGUMENTS...]

Volumes and their snapshots are read by pread and in no other way: there is
no mmap, and the store is spoken to by read. Writes the sum to REPORT.
"""

import os
import sys
import threading
from pathlib import Path

from wyng_dom0.cli.main import main


def run() -> int:
    """Count while the program runs; its exit code."""
    report, _, *arguments = sys.argv[1:]
    real, lock, total = os.pread, threading.Lock(), [0]

    def counted(fd: int, length: int, offset: int) -> bytes:
        data = real(fd, length, offset)
        with lock:
            total[0] += len(data)
        return data

    os.pread = counted
    try:
        return main(arguments)
    finally:
        Path(report).write_text(f"{total[0]}\n")


if __name__ == "__main__":
    sys.exit(run())
