# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Which source `--local` means; the one place that decides it."""

from wyng_dom0.sources.directory import open_directory
from wyng_dom0.sources.source import Source


def choose_source(local: str) -> Source:
    """The source at a directory's path; NotFound or BadInput."""
    return open_directory(local)
