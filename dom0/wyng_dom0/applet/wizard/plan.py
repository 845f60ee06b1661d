# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the pages of a wizard have gathered, and what became true of it."""

from dataclasses import dataclass, field
from typing import Dict, Tuple

from wyng_dom0.applet.wizard.places import Place

QUBES = "qubes"
DOM0 = "dom0"


@dataclass(frozen=True)
class Volume:
    """A volume that can be sent or restored; bytes."""

    name: str
    size: int
    included: bool = True

    @property
    def qube(self) -> str:
        """The qube it belongs to; "" where it belongs to none."""
        qube, between, _ = self.name.partition(":")
        return qube if between else ""


@dataclass
class Plan:
    """Filled page by page. `secret` is what opens the archive; it lives here
    and in the pipes of calls, and goes when the wizard is closed."""

    has_qubes: bool = False
    has_timers: bool = False
    name: str = ""
    place: Place = Place()
    source: str = ""
    volumes: Tuple[Volume, ...] = ()
    chosen: Tuple[str, ...] = ()
    secret: bytes = b""
    every: str = "daily"
    on_battery: bool = False
    # What is kept, see keeping_rules; nothing keeps everything.
    counts: Dict[str, int] = field(default_factory=dict)
    # What is there already.
    made_at: str = ""
    archive_id: str = ""
    head_code: str = ""
    code: Tuple[str, ...] = ()
    slots: Tuple[str, ...] = ()
    # Of an archive that was found: what the user has on paper.
    paper_code: str = ""
    slots_from: str = ""
    is_known: bool = False

    @property
    def newly_ticked(self) -> Tuple[str, ...]:
        """Qubes that are chosen and that Qubes leaves out of backups."""
        return self._qubes(chosen=True)

    @property
    def unticked(self) -> Tuple[str, ...]:
        """Qubes that are not chosen and that Qubes includes in backups."""
        return self._qubes(chosen=False)

    def _qubes(self, *, chosen: bool) -> Tuple[str, ...]:
        if self.source != QUBES:
            return ()
        wanted = {*self.chosen}
        found = {
            each.qube
            for each in self.volumes
            if (each.name in wanted) is chosen and each.included is not chosen
        }
        # dom0 has no such tick.
        return tuple(sorted(found - {DOM0}))

    @property
    def is_unattended(self) -> bool:
        """True when a timer shall send, which needs a key kept here."""
        return self.every != "off"

    def smallest(self) -> str:
        """The smallest of the chosen volumes that is not empty."""
        wanted = {*self.chosen}
        found = [each for each in self.volumes if each.name in wanted]
        filled = [each for each in found if each.size] or found
        return min(filled, key=lambda each: each.size).name if filled else ""

    def forget_secret(self) -> None:
        """Nothing needs it any more."""
        self.secret = b""
