# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the machine and its programs are, and which of them are missing."""

import os
import platform
import shutil
import subprocess
from pathlib import Path

# Program -> the Debian package that has it.
PACKAGES = {
    "borg": "borgbackup",
    "restic": "restic",
    "zstd": "zstd",
    "mke2fs": "e2fsprogs",
}
_SBIN = ":/usr/sbin:/sbin"


def missing_packages() -> "list[str]":
    """Debian packages that must be installed first."""
    path = os.environ.get("PATH", "") + _SBIN
    return [
        package
        for program, package in PACKAGES.items()
        if shutil.which(program, path=path) is None
    ]


def describe(folder: Path) -> "dict[str, object]":
    """The machine, for the results file."""
    return {
        "processor": _processor(),
        "processors": os.cpu_count(),
        "memory": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        "file_system": _file_system(folder),
        "kernel": f"Linux {platform.release()}",
        "python": platform.python_version(),
    }


def revision(root: Path) -> str:
    """The commit that is checked out, with a plus when files differ."""
    git = ["git", "-C", str(root)]
    commit = _say([*git, "rev-parse", "--short=10", "HEAD"])
    packages = ["common", "dom0", "backupvm"]
    changed = _say([*git, "status", "--porcelain", "--", *packages])
    return (commit or "unknown") + ("+" if changed else "")


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _file_system(folder: Path) -> str:
    said = _say(["findmnt", "-n", "-o", "FSTYPE", "-T", str(folder)])
    return said or "unknown file system"


def _say(words: "list[str]") -> str:
    done = subprocess.run(words, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""
