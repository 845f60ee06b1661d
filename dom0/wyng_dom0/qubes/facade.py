# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Qubes OS as this program sees it: what it may ask and what it gets.

Owns the types between the adapter (admin.py) and everybody else. Whatever a
qube may have chosen itself (features, notes, tags) is text of any kind.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

HALTED = "Halted"
ADMIN_QUBE = "dom0"
# What core-admin's qubes/vm/__init__.py, validate_name, lets pass.
_NAME = re.compile("[a-zA-Z][a-zA-Z0-9_.-]{0,30}", re.ASCII)
_RESERVED = frozenset({"dom0", "Domain-0", "none", "default"})


def is_qube_name(name: str) -> bool:
    """True when qubesd would let a qube be called so."""
    if name in _RESERVED or name.endswith("-dm"):
        return False
    return _NAME.fullmatch(name) is not None


@dataclass(frozen=True)
class Qube:
    """One qube of the system; `state` as qubesd names power states."""

    name: str
    klass: str
    state: str
    uuid: str = ""

    @property
    def halted(self) -> bool:
        """True when its volumes are not in use."""
        return self.state == HALTED


@dataclass(frozen=True)
class QubeVolume:
    """One volume of a qube; `size` in bytes, `vid` within its pool."""

    qube: str
    name: str
    pool: str
    vid: str
    size: int
    save_on_stop: bool
    revisions_to_keep: int


@dataclass(frozen=True)
class QubePool:
    """A storage pool: its driver and the driver's configuration."""

    name: str
    driver: str
    config: Mapping[str, str]


@dataclass(frozen=True)
class Property:
    """A qube's property: `kind` is str, bool, int, vm or label.

    `value` is as qubesd writes it; "" is none, or not set.
    """

    name: str
    kind: str
    value: str
    is_default: bool


@dataclass(frozen=True)
class NewQube:
    """A qube to be made. `pools` maps names of its volumes to pools."""

    name: str
    klass: str
    label: str
    template: str | None = None
    pools: Mapping[str, str] = field(default_factory=dict)


# Writes a volume's bytes, exactly as many as were announced, to a descriptor.
Feed = Callable[[int], None]


class Admin(Protocol):
    """The Admin API, as much of it as is used. Raises the errors of errors.py:

    NotFound for a qube, volume, pool or label that is not there, QubesError
    for what was refused or failed.
    """

    def qubes(self) -> list[Qube]:
        """All qubes but dom0, by name; one call."""

    def is_included(self, qube: str) -> bool:
        """True when the qube is to be in backups."""

    def has_tag(self, qube: str, tag: str) -> bool:
        """True when the qube has the tag."""

    def volume(self, qube: str, name: str) -> QubeVolume:
        """A volume as it is now; one call."""

    def revisions(self, qube: str, volume: str) -> list[str]:
        """Ids of the older states that qubesd keeps of a volume."""

    def pool(self, name: str) -> QubePool:
        """A pool; asked once for each."""

    def pools(self) -> list[str]:
        """Names of all pools."""

    def free_bytes(self, pool: str) -> int | None:
        """What a pool has free; None where its driver doesn't say."""

    def size_bytes(self, pool: str) -> int | None:
        """What a pool has in all; None where its driver doesn't say."""

    def labels(self) -> list[str]:
        """Names of all labels."""

    def label_color(self, name: str) -> str:
        """A label's colour, as 0xRRGGBB."""

    def default(self, name: str) -> str:
        """A property of the system, as default_template; "" for none."""

    def properties(self, qube: str) -> list[Property]:
        """All properties; one call."""

    def set_property(self, qube: str, name: str, value: str) -> None:
        """Set one; "" is none."""

    def reset_property(self, qube: str, name: str) -> None:
        """Give one its default back."""

    def features(self, qube: str) -> dict[str, str]:
        """All features; a call for each and one more."""

    def feature(self, qube: str, name: str) -> str | None:
        """One; None where it is not set."""

    def set_feature(self, qube: str, name: str, value: str) -> None:
        """Set one; "" is false."""

    def remove_feature(self, qube: str, name: str) -> None:
        """Remove one; nothing happens when it is not there."""

    def tags(self, qube: str) -> list[str]:
        """All tags."""

    def add_tag(self, qube: str, tag: str) -> None:
        """Add one."""

    def remove_tag(self, qube: str, tag: str) -> None:
        """Remove one; nothing happens when it is not there."""

    def firewall(self, qube: str) -> list[str]:
        """The rules, each as the API writes it."""

    def set_firewall(self, qube: str, rules: Sequence[str]) -> None:
        """Replace all rules."""

    def device_classes(self) -> list[str]:
        """As pci, usb, block, mic."""

    def assigned(self, qube: str, klass: str) -> list[tuple[str, str]]:
        """(BACKEND+PORT+ID, options) of each device of a class."""

    def assign(self, qube: str, klass: str, device: str, how: str) -> None:
        """Assign a device with options as `assigned` gives them."""

    def unassign(self, qube: str, klass: str, device: str) -> None:
        """Take an assignment away."""

    def notes(self, qube: str) -> str:
        """The user's notes; "" where qubesd knows none."""

    def set_notes(self, qube: str, text: str) -> None:
        """Replace the notes."""

    def create(self, new: NewQube) -> None:
        """Make a qube."""

    def remove(self, qube: str) -> None:
        """Remove a halted qube and its volumes."""

    def resize(self, qube: str, volume: str, size: int) -> None:
        """Grow a volume to `size` bytes."""

    def import_volume(
        self, qube: str, volume: str, size: int, feed: Feed
    ) -> None:
        """Replace the content of a halted qube's volume by `size` bytes.

        When `feed` raises, or writes another number of bytes, the old
        content stays, and its error goes on. What was there becomes a
        revision. `feed` must find every fault before its last byte.
        """
