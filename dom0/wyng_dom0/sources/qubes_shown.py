# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Qubes as users know them: colours, icons, and the tick for backups."""

from dataclasses import dataclass

from wyng_dom0.errors import NotFound
from wyng_dom0.qubes.facade import ADMIN_QUBE, Qube, QubeVolume
from wyng_dom0.sources.qubes import QubesSource

# Qubes' own standing choice, which qvm-backup heeds too.
INCLUDED = "include_in_backups"


@dataclass(frozen=True)
class ShownQube:
    """`color` is the label's, as 0xRRGGBB, `icon` a name for icon themes;
    `volumes` are those that survive a shutdown."""

    name: str
    klass: str
    label: str
    color: str
    icon: str
    running: bool
    included: bool
    volumes: tuple[QubeVolume, ...]


def show_qubes(source: QubesSource) -> list[ShownQube]:
    """Every qube of this machine but dom0, by name.

    Costs one call in all, one for each label, one a qube and one for each
    volume that it may keep. Those that go meanwhile are left out. Raises
    QubesError.
    """
    colors: dict[str, str] = {}
    found = []
    for qube in source.qubes():
        try:
            found.append(_shown(source, qube, colors))
        except NotFound:
            continue
    return found


def _shown(
    source: QubesSource, qube: Qube, colors: dict[str, str]
) -> ShownQube:
    admin = source.admin
    said = {each.name: each.value for each in admin.properties(qube.name)}
    label = said.get("label", "")
    if label and label not in colors:
        colors[label] = admin.label_color(label)
    return ShownQube(
        name=qube.name,
        klass=qube.klass,
        label=label,
        color=colors.get(label, ""),
        icon=said.get("icon", ""),
        running=not qube.halted,
        included=said.get(INCLUDED) == "True",
        volumes=tuple(source.volumes_of(qube.name)),
    )


def is_ticked(source: QubesSource, qube: str) -> bool:
    """Does Qubes include it in backups, dom0 among them? What is gone counts
    as such, so that it is told that it is gone."""
    try:
        return source.admin.is_included(qube)
    except NotFound:
        return True


def set_included(source: QubesSource, qube: str, included: bool) -> None:
    """Let Qubes include a qube in backups, or not.

    Raises NotFound for a qube that is not there, QubesError.
    """
    if qube != ADMIN_QUBE:
        source.qube_of(qube)
    source.admin.set_property(qube, INCLUDED, str(included))
