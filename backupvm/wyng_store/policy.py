# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The store's own configuration of one archive, which no client can change.

Given on the command line of `wyng-store serve`.
"""

from dataclasses import dataclass

DAY_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Policy:
    """`quota`: bytes that packs may take, 0 for no bound. `delete_delay`:
    seconds for which released catalogs are kept."""

    quota: int = 0
    delete_delay: int = 0
