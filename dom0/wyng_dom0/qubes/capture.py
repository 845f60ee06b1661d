# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A qube's settings as they are now, asked of qubesd.

Owns what is left out: what qubesd alone sets, what belongs to a running qube,
and what this program writes itself; so that a qube that nobody changed looks
unchanged.
"""

from collections.abc import Iterable

from wyng_dom0.qubes.facade import Admin, Property, QubeVolume
from wyng_dom0.qubes.settings import (
    NOTES_MAX,
    TEXT_MAX,
    Device,
    QubeSettings,
    Setting,
    VolumePlace,
    of_any_qube,
)

# Of every feature that this program sets.
OWN_FEATURES = "wyng."
RESTORING = "backup-restore-in-progress"
# Beside that tag: it was this program that made the qube, or wrote over it.
MARK = f"{OWN_FEATURES}restoring"
MADE, OVER = "made", "over"
# Given by qubesd, or kept elsewhere in the record; or of the moment.
_LEFT_OUT = frozenset(
    {"name", "qid", "uuid", "dispid", "label", "template", "klass", "icon"}
    | {"installed_by_rpm", "backup_timestamp", "start_time", "xid"}
    | {"stubdom_xid", "stubdom_uuid", "updateable", "visible_ip"}
    | {"visible_ip6", "visible_gateway", "visible_gateway6", "visible_netmask"}
    | {"gateway", "gateway6", "dns", "keyboard_layout"}
)


class Capturer:
    """Asks for settings, and once for what all qubes have in common."""

    def __init__(self, admin: Admin) -> None:
        self._admin = admin
        self._classes: list[str] | None = None

    def settings(
        self, qube: str, klass: str, volumes: Iterable[QubeVolume]
    ) -> QubeSettings:
        """What a qube is like now; raises QubesError or NotFound."""
        admin = self._admin
        properties = admin.properties(qube)
        known = {each.name: each.value for each in properties}
        features = admin.features(qube).items()
        return QubeSettings(
            qube=qube,
            klass=klass,
            label=known.get("label", ""),
            template=known.get("template", ""),
            properties=tuple(
                Setting(each.name, each.kind, each.value)
                for each in sorted(properties, key=_name)
                if _is_kept(each)
            ),
            features=tuple(
                sorted(
                    (name, value)
                    for name, value in features
                    if not name.startswith(OWN_FEATURES)
                    and len(value) <= TEXT_MAX
                )
            ),
            tags=tuple(sorted(t for t in admin.tags(qube) if t != RESTORING)),
            firewall=tuple(admin.firewall(qube)),
            devices=tuple(self._devices(qube)),
            notes=admin.notes(qube)[:NOTES_MAX],
            volumes=tuple(
                VolumePlace(each.name, each.pool, each.size)
                for each in sorted(volumes, key=lambda each: each.name)
            ),
        )

    def _devices(self, qube: str) -> list[Device]:
        if self._classes is None:
            self._classes = sorted(self._admin.device_classes())
        return [
            Device(klass, device, of_any_qube(how))
            for klass in self._classes
            for device, how in sorted(self._admin.assigned(qube, klass))
        ]


def _name(each: Property) -> str:
    return each.name


def _is_kept(each: Property) -> bool:
    return (
        not each.is_default
        and each.name not in _LEFT_OUT
        and len(each.value) <= TEXT_MAX
    )
