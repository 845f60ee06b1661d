# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Which volumes a send without names takes, and which it leaves out. Pure.

In order: a standing choice that names the volume, one by a pattern, then
Qubes' own tick of the qube it belongs to.
"""

from collections.abc import Collection
from dataclasses import dataclass

from wyng_dom0.engine.selection import is_excluded
from wyng_dom0.sources.qubes import owner_of
from wyng_dom0.state.choices import Choices


@dataclass(frozen=True)
class Plan:
    """The choices of one archive; `unticked` are qubes that Qubes leaves
    out of backups, none elsewhere."""

    choices: Choices
    unticked: Collection[str] = ()

    def leaves_out(self, name: str) -> bool:
        """Is a volume left out by choice?"""
        if name in self.choices.included:
            return False
        if is_excluded(name, self.choices.excluded):
            return True
        return bool(self.unticked) and owner_of(name) in self.unticked

    def takes(self, name: str, known: Collection[str]) -> bool:
        """Is it sent? `known` are the volumes that the archive has."""
        is_meant = name in known or name in self.choices.included
        return is_meant and not self.leaves_out(name)
