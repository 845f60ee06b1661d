# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a qube got since a session, and how each of it is taken away.

Only for a qube that is restored over. Left alone is what qubesd or the qube
itself keeps up to date, and every property that no restore would set.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from wyng_dom0.qubes.capture import OWN_FEATURES
from wyng_dom0.qubes.facade import Admin
from wyng_dom0.qubes.settings import QubeSettings

# What is done, in words, and how.
Step = tuple[str, Callable[[], None]]
# qubesd sets them as it makes a qube, or by its guivm and audiovm.
_MANAGED_TAGS = ("created-by-", "guivm-", "audiovm-")
# What a qube tells of itself at every start (core-admin's qubes/ext).
_REPORTED = ("supported-", "os-", "last-update")
_REPORTED_NAMES = frozenset(
    {"os", "gui", "gui-emulated", "qrexec", "vmexec", "updates-available"}
)


def only_changed(wanted: QubeSettings, now: QubeSettings) -> QubeSettings:
    """A session's settings without those that the qube has just so."""
    same = wanted.firewall == now.firewall
    return replace(
        wanted,
        properties=tuple(
            e for e in wanted.properties if e not in now.properties
        ),
        features=tuple(e for e in wanted.features if e not in now.features),
        tags=tuple(e for e in wanted.tags if e not in now.tags),
        firewall=() if same else wanted.firewall,
        devices=tuple(e for e in wanted.devices if e not in now.devices),
        notes="" if wanted.notes == now.notes else wanted.notes,
    )


def extra_properties(wanted: QubeSettings, now: QubeSettings) -> list[str]:
    """Names of those that are default in the session, and not now.

    Label and template have no default.
    """
    known = {each.name for each in wanted.properties} | {"label", "template"}
    return [e.name for e in now.properties if e.name not in known]


def steps_to_take_away(
    admin: Admin, qube: str, wanted: QubeSettings, now: QubeSettings
) -> Iterator[Step]:
    """Features, tags, devices and notes that came since the session."""
    known = {name for name, _ in wanted.features}
    for name, _ in now.features:
        if name not in known and _is_users(name):
            act = partial(admin.remove_feature, qube, name)
            yield f"the feature {name}", act
    for tag in now.tags:
        if tag not in wanted.tags and not tag.startswith(_MANAGED_TAGS):
            yield f"the tag {tag}", partial(admin.remove_tag, qube, tag)
    assigned = {(each.klass, each.device) for each in wanted.devices}
    for each in now.devices:
        if (each.klass, each.device) not in assigned:
            act = partial(admin.unassign, qube, each.klass, each.device)
            yield f"the {each.klass} device {each.device}", act
    if now.notes and not wanted.notes:
        yield "its notes", partial(admin.set_notes, qube, "")


def _is_users(feature: str) -> bool:
    if feature.startswith((OWN_FEATURES, *_REPORTED)):
        return False
    return feature not in _REPORTED_NAMES
