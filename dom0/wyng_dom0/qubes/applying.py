# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Settings of an archive given to a qube, one by one.

Owns which of them a restore may set by itself. An archive is as old as it
is: what gives a qube more rights than a new one has, or lets a policy allow it
something, is told and left to the user. Every failure is told and the next
setting tried.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from wyng_dom0.errors import NotFound, QubesError
from wyng_dom0.qubes.capture import OWN_FEATURES
from wyng_dom0.qubes.facade import Admin
from wyng_dom0.qubes.settings import (
    Device,
    QubeSettings,
    Setting,
    of_qube,
)
from wyng_dom0.qubes.taking_away import (
    extra_properties,
    only_changed,
    steps_to_take_away,
)

# What qubes with the same data differ in without one being let do more.
_PLAIN = frozenset(
    {"label", "template", "memory", "maxmem", "vcpus", "virt_mode"}
    | {"kernel", "debug"}
    | {"include_in_backups", "qrexec_timeout", "shutdown_timeout"}
    | {"template_for_dispvms", "default_dispvm", "netvm", "stubdom_mem"}
    | {"bootmode", "appvm_default_bootmode", "audiovm", "mac", "ip", "ip6"}
)
_OFF = ("bool", "False")
# Set when all qubes are there, for they name other qubes.
LAST = ("netvm", "default_dispvm")
_ISOLATED = _PLAIN - {
    *("netvm", "default_dispvm", "mac", "ip", "ip6", "audiovm"),
    *("template_for_dispvms", "label", "template"),
}
_RISKY_FEATURES = ("service.", "gui-", "qubes-", "internal", "servicevm")
_POLICY_TAGS = ("created-by-", "guivm-", "audiovm-", "anon-", "whonix-")


Act = Callable[[], None]


def with_identity(settings: QubeSettings) -> QubeSettings:
    """With label and template as properties, for a qube that is there."""
    found = [Setting("label", "label", settings.label)]
    found.append(Setting("template", "vm", settings.template))
    given = tuple(each for each in found if each.value)
    return replace(settings, properties=(*given, *settings.properties))


@dataclass
class Applied:
    """What came of it: how many were set, and what was not, for a report.

    `withheld` pairs what a user must agree to with how it is set. `removed`
    came since the session and was taken away.
    """

    set: int = 0
    removed: list[str] = field(default_factory=list)
    withheld: list[tuple[str, Act]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


class Applying:
    """Gives one qube the settings of a session.

    With `isolated` it gets neither network nor anything that a policy or
    another qube might use: for a restore that somebody else asked for. `now`
    is what a qube has that is restored over: what came since is taken away.
    """

    def __init__(
        self,
        admin: Admin,
        qube: str,
        settings: QubeSettings,
        isolated: bool = False,
        now: QubeSettings | None = None,
    ) -> None:
        self._admin = admin
        self._qube = qube
        self._wanted, self._now = settings, now
        self._settings = only_changed(settings, now) if now else settings
        self._isolated = isolated
        self.applied = Applied()

    def apply(self) -> None:
        """All but what names other qubes.

        Raises QubesError where an isolated qube can't be cut off: that comes
        first, and nothing goes on without it.
        """
        if self._isolated:
            for name in LAST:
                self._set(name, "")
        for each in self._settings.properties:
            if each.name not in LAST:
                self._property(each)
        for name, value in self._settings.features:
            self._feature(name, value)
        # qubesd itself gave it some as it was made: created-by-, guivm-.
        has = set(self._admin.tags(self._qube)) if self._settings.tags else ()
        for tag in self._settings.tags:
            if tag not in has:
                self._tag(tag)
        if not self._isolated:
            self._firewall()
        for device in self._settings.devices:
            self._device(device)
        if self._settings.notes:
            notes = self._settings.notes
            self._try("notes", lambda: self._set_notes(notes))
        self._take_away()

    def _take_away(self) -> None:
        """What came since the session, but for what names other qubes."""
        if self._now is None:
            return
        for name in extra_properties(self._wanted, self._now):
            if name not in LAST:
                self._reset(name)
        for what, act in steps_to_take_away(
            *(self._admin, self._qube, self._wanted, self._now)
        ):
            self._remove(what, act)

    def _reset(self, name: str) -> None:
        what = f"the property {name}"
        if name in _PLAIN:
            act = partial(self._admin.reset_property, self._qube, name)
            self._remove(what, act)
        else:
            self.applied.failed.append(f"{what} came since and was left")

    def _remove(self, what: str, act: Act) -> None:
        try:
            act()
            self.applied.removed.append(what)
        except (QubesError, NotFound) as error:
            self.applied.failed.append(f"{what} is still there: {error}")

    def connect(self) -> None:
        """What names other qubes; a netvm that is not there becomes none."""
        if self._isolated:
            return
        for each in self._settings.properties:
            if each.name in LAST:
                self._connect(each)
        if self._now is not None:
            for name in extra_properties(self._wanted, self._now):
                if name in LAST:
                    self._reset(name)

    def grant(self) -> None:
        """What was withheld, because the user agreed to all of it."""
        withheld, self.applied.withheld = self.applied.withheld, []
        for what, act in withheld:
            self._try(what, act)

    def _connect(self, each: Setting) -> None:
        try:
            self._set(each.name, each.value)
            self.applied.set += 1
        except (QubesError, NotFound) as error:
            self.applied.failed.append(f"{each.name} is none now: {error}")
            self._try(each.name, lambda: self._set(each.name, ""))

    def _property(self, each: Setting) -> None:
        allowed = _ISOLATED if self._isolated else _PLAIN
        self._do(
            f"the property {each.name} = {each.value}",
            lambda: self._set(each.name, each.value),
            # What is switched off gives no rights.
            each.name in allowed or (each.kind, each.value) == _OFF,
        )

    def _feature(self, name: str, value: str) -> None:
        if name.startswith(OWN_FEATURES):
            return
        self._do(
            f"the feature {name}",
            lambda: self._admin.set_feature(self._qube, name, value),
            not (name.startswith(_RISKY_FEATURES) or self._isolated),
        )

    def _tag(self, tag: str) -> None:
        self._do(
            f"the tag {tag}",
            lambda: self._admin.add_tag(self._qube, tag),
            not (tag.startswith(_POLICY_TAGS) or self._isolated),
        )

    def _firewall(self) -> None:
        rules = self._settings.firewall
        if rules:
            self._try(
                "the firewall",
                lambda: self._admin.set_firewall(self._qube, rules),
            )

    def _device(self, each: Device) -> None:
        self._do(
            f"the {each.klass} device {each.device}",
            lambda: self._admin.assign(
                *(self._qube, each.klass, each.device),
                of_qube(each.options, self._qube),
            ),
            False,
        )

    def _do(self, what: str, act: Act, allowed: bool) -> None:
        if allowed:
            self._try(what, act)
        else:
            self.applied.withheld.append((what, act))

    def _set(self, name: str, value: str) -> None:
        self._admin.set_property(self._qube, name, value)

    def _set_notes(self, notes: str) -> None:
        self._admin.set_notes(self._qube, notes)

    def _try(self, what: str, act: Act) -> None:
        try:
            act()
            self.applied.set += 1
        except (QubesError, NotFound) as error:
            self.applied.failed.append(f"{what}: {error}")
