# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A qube made again from its sessions: what is where, and in which order.

    noted -> made -> tagged as being restored, and marked as ours -> volumes
    filled -> settings -> what names other qubes -> mark and tag taken away ->
    the note, too

A qube with that tag doesn't start, so nothing half restored is ever used: a
crash leaves a qube that says what it is, and a note of it (see leftovers). One
that failed and was new is removed. Volumes are written by qubesd alone, which
keeps what was there as a revision. Asks no user.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial

from wyng_dom0.archive.page import Page
from wyng_dom0.archive.session import Session
from wyng_dom0.engine.content import SessionContent
from wyng_dom0.engine.opened import OpenArchive
from wyng_dom0.engine.restore import Restore
from wyng_dom0.errors import (
    Dom0Error,
    NotFound,
    QubesError,
    Refused,
    TargetError,
)
from wyng_dom0.events import Listener
from wyng_dom0.qubes.applying import Applied, Applying, with_identity
from wyng_dom0.qubes.capture import MADE, MARK, OVER, RESTORING, Capturer
from wyng_dom0.qubes.facade import Admin, NewQube, Qube
from wyng_dom0.qubes.settings import QubeSettings
from wyng_dom0.state import restoring
from wyng_dom0.state.places import Places
from wyng_dom0.state.restoring import Restored

Present = Callable[[str], AbstractContextManager[int | None]]
KLASSES = ("TemplateVM", "AppVM", "StandaloneVM", "DispVM")
_FALLBACK_LABEL = "red"


@dataclass(frozen=True)
class Part:
    """One volume of a qube, and the session to restore it to."""

    volume: str
    page: Page
    session: Session


@dataclass(frozen=True)
class QubeOrder:
    """One qube to restore, as `name`.

    `parts` may be empty (settings alone), `with_settings` False (data alone).
    `pool` is where new volumes go; None: where they were, if it is there.
    With `overwrite` the qube exists and its volumes are replaced. In each
    pool `leave_percent` stays free.
    """

    name: str
    settings: QubeSettings
    parts: tuple[Part, ...]
    with_settings: bool = True
    pool: str | None = None
    overwrite: bool = False
    isolated: bool = False
    leave_percent: int = 0


@dataclass
class QubeRestore:
    """One qube on its way. `notes` are what had to be otherwise than it was."""

    admin: Admin
    archive: OpenArchive
    places: Places
    listener: Listener
    order: QubeOrder
    # A descriptor of a volume as it is here, to spare fetching; or None.
    present: Present
    notes: list[str] = field(default_factory=list)
    fetched_bytes: int = 0
    applied: Applied = field(default_factory=Applied)
    _applying: Applying | None = None
    _now: QubeSettings | None = None
    _noted: bool = False
    _made: bool = False
    _begun: bool = False

    @property
    def rank(self) -> int:
        """Templates first, then those of disposables, then others."""
        if self.order.settings.klass == "TemplateVM":
            return 0
        properties = {e.name: e.value for e in self.order.settings.properties}
        return 1 if properties.get("template_for_dispvms") == "True" else 2

    # Before anything is written

    def check(self, known: Mapping[str, Qube]) -> None:
        """Raise Refused or NotFound for what can't be done."""
        order, settings = self.order, self.order.settings
        if settings.klass not in KLASSES and not order.overwrite:
            raise Refused(
                f"{settings.qube} was a {settings.klass or 'qube'}, which this"
                " program can't make",
                about=order.name,
            )
        present = known.get(order.name)
        if present is None and order.overwrite:
            raise NotFound(f"there is no qube {order.name}", about=order.name)
        if present is not None and not order.overwrite:
            raise Refused(
                f"a qube {order.name} exists: restore beside it with"
                " --as=NAME, or over it with --overwrite",
                about=order.name,
            )
        if present is not None:
            self._check_present(present)
        if order.pool is not None and order.pool not in self.admin.pools():
            raise NotFound(f"there is no pool {order.pool}", about=order.pool)

    def without_revisions(self) -> list[str]:
        """Volumes whose present content is gone once they are restored."""
        found = [
            self.admin.volume(self.order.name, part.volume)
            for part in self.order.parts
        ]
        return [each.name for each in found if each.revisions_to_keep < 1]

    def _check_present(self, present: Qube) -> None:
        if not present.halted:
            raise Refused(f"{present.name} runs: shut it down first")
        was = self.order.settings.klass
        if was and present.klass != was:
            raise Refused(
                f"{present.name} is a {present.klass}, and was a {was}:"
                " restore it with --as=NAME"
            )

    def needs(self) -> dict[str, int]:
        """How many bytes it will take in each pool."""
        needed: dict[str, int] = {}
        for part in self.order.parts:
            pool = self._pool_of(part.volume)
            needed[pool] = needed.get(pool, 0) + self._data_bytes(part)
        return needed

    def _data_bytes(self, part: Part) -> int:
        content = SessionContent(self.archive, part.page, part.session)
        return content.chunk_size * sum(1 for _ in content.refs())

    def _pool_of(self, volume: str) -> str:
        if self.order.overwrite:
            return self.admin.volume(self.order.name, volume).pool
        return self._pools().get(volume) or self.admin.default("default_pool")

    def _pools(self) -> dict[str, str]:
        """Where each volume of a new qube goes, but for the default pool."""
        order, there = self.order, self.admin.pools()
        wanted = {
            each.name: order.pool or each.pool
            for each in order.settings.volumes
        }
        return {name: pool for name, pool in wanted.items() if pool in there}

    # Steps, in this order

    def begin(self, known: Mapping[str, Qube]) -> None:
        """The qube is there, and can't start from now on."""
        name, over = self.order.name, self.order.overwrite
        if over and self.order.with_settings and self.order.settings.klass:
            self._now = self._settings_now()
        over = over and not is_half_made(self.admin, name)
        noted = Restored(name, self.order.settings.qube, over)
        restoring.note(self.places, noted)
        self._noted = True
        if not self.order.overwrite:
            self._create(known)
            self._made = True
        self.admin.add_tag(name, RESTORING)
        if over:
            self._check_still_halted()
        self._begun = True
        self.admin.set_feature(name, MARK, OVER if over else MADE)
        restoring.note(self.places, replace(noted, marked=True))
        if self._made and not self.order.parts:
            self._grow()

    def _check_still_halted(self) -> None:
        """It may have been started before it had the tag: nothing is done."""
        name = self.order.name
        if any(q.name == name and not q.halted for q in self.admin.qubes()):
            self.admin.remove_tag(name, RESTORING)
            restoring.forget(self.places, name)
            raise Refused(f"{name} runs: shut it down first", about=name)

    def _create(self, known: Mapping[str, Qube]) -> None:
        order, settings = self.order, self.order.settings
        label = _FALLBACK_LABEL if order.isolated else settings.label
        if label not in self.admin.labels():
            self.notes.append(f"the label {label} is unknown: it is red now")
            label = _FALLBACK_LABEL
        self.admin.create(
            NewQube(
                name=order.name,
                klass=settings.klass,
                label=label,
                template=self._template(known),
                pools=self._pools(),
            )
        )

    def _grow(self) -> None:
        """Volumes that stay empty get the sizes that they had, at least."""
        name = self.order.name
        for each in self.order.settings.volumes:
            try:
                if self.admin.volume(name, each.name).size < each.size:
                    self.admin.resize(name, each.name, each.size)
            except (QubesError, NotFound) as error:
                self.notes.append(f"its volume {each.name} is smaller: {error}")

    def _template(self, known: Mapping[str, Qube]) -> str | None:
        settings = self.order.settings
        if settings.klass not in ("AppVM", "DispVM"):
            return None
        if settings.template in known:
            return settings.template
        default = self.admin.default("default_template")
        self.notes.append(
            f"its template {settings.template} is not here: it has"
            f" {default or 'none'} now"
        )
        return default or None

    def fill(self) -> None:
        """Every volume holds its session, and is written by qubesd."""
        for part in self.order.parts:
            content = SessionContent(self.archive, part.page, part.session)
            restore = Restore(content, self.listener, self.places)
            with self.present(part.page.name) as held:
                self.admin.import_volume(
                    *(self.order.name, part.volume, part.session.size),
                    partial(restore.stream, present=held),
                )
            self.fetched_bytes += restore.fetched_bytes
            restore.tell_done()

    def apply(self) -> None:
        """The settings that a restore may give by itself."""
        if not self.order.with_settings:
            return
        settings, now = self.order.settings, self._now
        if self.order.overwrite:
            settings = with_identity(settings)
            now = with_identity(now) if now is not None else None
        self._applying = Applying(
            *(self.admin, self.order.name, settings),
            isolated=self.order.isolated,
            now=now,
        )
        self.applied = self._applying.applied
        self._applying.apply()

    def _settings_now(self) -> QubeSettings:
        """Of the qube that is there; its volumes are no settings here."""
        name = self.order.name
        klass = self.order.settings.klass
        return Capturer(self.admin).settings(name, klass, ())

    def grant(self) -> None:
        """And those that the user agreed to."""
        if self._applying is not None:
            self._applying.grant()

    def connect(self) -> None:
        """What names other qubes, when all are there."""
        if self._applying is not None:
            self._applying.connect()

    def finish(self) -> None:
        """It may start."""
        self.admin.remove_tag(self.order.name, RESTORING)
        self.admin.remove_feature(self.order.name, MARK)
        restoring.forget(self.places, self.order.name)

    def undo(self, error: BaseException) -> None:
        """Nothing that looks restored is left.

        What was there before has its old content, or has it as a revision,
        and keeps the tag: it is not what it was, as the error then says.
        """
        if self._begun and self.order.overwrite:
            error.add_note(
                f"{self.order.name} can't start before a restore of it is"
                f" whole, or its tag {RESTORING} is taken away"
            )
        if not self._made:
            # Who was stopped while qubesd made it may have left it.
            is_sure = isinstance(error, (QubesError, NotFound))
            if self._noted and not self.order.overwrite and is_sure:
                restoring.forget(self.places, self.order.name)
            return
        try:
            self.admin.remove(self.order.name)
            self._made = False
            restoring.forget(self.places, self.order.name)
        except Dom0Error as left:
            error.add_note(
                f"{self.order.name} is half restored, can't start and could"
                f" not be removed ({left})"
            )


def is_half_made(admin: Admin, qube: str) -> bool:
    """True for one that a restore of ours made and did not finish.

    Without the tag it is its user's, whatever the mark says.
    """
    marked = admin.feature(qube, MARK) == MADE
    return marked and admin.has_tag(qube, RESTORING)


def check_all(
    restores: Sequence[QubeRestore], known: Mapping[str, Qube]
) -> None:
    """Raise for what can't be done, before anything is.

    NotFound, Refused, or TargetError where a pool has no room for all.
    """
    for each in restores:
        each.check(known)
    _check_space(restores)


def _check_space(restores: Sequence[QubeRestore]) -> None:
    needed: dict[str, int] = {}
    for each in restores:
        for pool, size in each.needs().items():
            needed[pool] = needed.get(pool, 0) + size
    for pool, size in needed.items():
        free = restores[0].admin.free_bytes(pool)
        left = _to_leave(restores, pool)
        if free is not None and free < size + left:
            also = f", and {left} more are to stay free" if left else ""
            raise TargetError(
                f"the pool {pool} has {free} bytes free, and {size} are"
                f" needed{also}: name another with --pool",
                about=pool,
            )


def _to_leave(restores: Sequence[QubeRestore], pool: str) -> int:
    """How many bytes of a pool must stay free."""
    percent = max(each.order.leave_percent for each in restores)
    whole = restores[0].admin.size_bytes(pool) if percent else None
    return (whole or 0) * percent // 100


def restore_all(
    restores: Sequence[QubeRestore], known: Mapping[str, Qube]
) -> None:
    """Restore qubes that check_all let pass, but for `grant` and `finish`.

    When one fails, all that were made are removed.
    """
    ordered = sorted(restores, key=lambda each: each.rank)
    there = dict(known)
    try:
        for each in ordered:
            each.begin(there)
            order = each.order
            there[order.name] = Qube(order.name, order.settings.klass, "Halted")
        for each in ordered:
            each.fill()
        for each in ordered:
            each.apply()
        for each in ordered:
            each.connect()
    except BaseException as error:
        for each in reversed(ordered):
            each.undo(error)
        raise


def finish_all(restores: Sequence[QubeRestore]) -> list[Dom0Error | OSError]:
    """Let qubes that are whole start, each whatever becomes of the others.

    Returns why those that could not be let go were not.
    """
    failed: list[Dom0Error | OSError] = []
    for each in restores:
        try:
            each.finish()
        except (Dom0Error, OSError) as error:
            error.add_note(
                f"{each.order.name} was restored, and can't start while it has"
                f" the tag {RESTORING}"
            )
            failed.append(error)
    return failed
