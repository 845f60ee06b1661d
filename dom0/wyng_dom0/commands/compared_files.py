# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What is reported of a volume of files that was unpacked or compared."""

from dataclasses import dataclass

from wyng_dom0.archive.session import Session
from wyng_dom0.commands.file_reports import FileRow, FilesReport
from wyng_dom0.files.compare import KEPT, MISSING, NEW, Comparing
from wyng_dom0.files.entry import shown
from wyng_dom0.files.unpack import Unpacking
from wyng_dom0.sources.dom0 import CONFIG, PACKAGES, Dom0Files

_WORDS_OF_PACKAGE = 3


@dataclass(frozen=True)
class About:
    """Which session of which volume of which archive."""

    archive: str
    volume: str
    session: Session


def comparing_with(files: Dom0Files, volume: str) -> Comparing:
    """Compares a volume with what dom0 has now; texts of settings only."""
    return Comparing(files.tree(volume), with_texts=volume == CONFIG)


def report_of(
    about: About,
    comparing: Comparing | None,
    unpacking: Unpacking | None = None,
    target: str = "",
) -> FilesReport:
    """The report; `unpacking` is None where nothing was unpacked."""
    left_out = unpacking.left_out[:KEPT] if unpacking else []
    found = comparing.differences if comparing else []
    counts = comparing.counts if comparing else {}
    return FilesReport(
        archive=about.archive,
        volume=about.volume,
        session=about.session.name,
        target=target,
        files=unpacking.files if unpacking else 0,
        size=unpacking.size if unpacking else 0,
        compared=comparing is not None,
        missing_count=counts.get(MISSING, 0),
        new_count=counts.get(NEW, 0),
        differing_count=sum(counts.values())
        - counts.get(MISSING, 0)
        - counts.get(NEW, 0),
        missing=tuple(shown(e.path) for e in found if e.what == MISSING),
        new=tuple(shown(e.path) for e in found if e.what == NEW),
        differing=tuple(
            FileRow(shown(each.path), each.what, each.text)
            for each in found
            if each.what not in (MISSING, NEW)
        ),
        left_out=tuple(FileRow(shown(path), what) for path, what in left_out),
        packages_missing=_packages_missing(comparing),
    )


def _packages_missing(comparing: Comparing | None) -> tuple[str, ...]:
    """Names of packages that were there and are not; none if unknown."""
    if comparing is None:
        return ()
    then = _packages(comparing.generated.get(PACKAGES, b""))
    now = _packages(comparing.tree.generated.get(PACKAGES, b""))
    return tuple(sorted(then - now)) if now else ()


def _packages(listed: bytes) -> set[str]:
    rows = [
        each.split() for each in listed.decode("utf-8", "replace").split("\n")
    ]
    return {row[0] for row in rows if len(row) == _WORDS_OF_PACKAGE}
