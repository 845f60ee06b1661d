# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A source that is Qubes OS: volumes of qubes, found through qubesd.

Owns what a name means (QUBE:VOLUME, a qube, @tag:NAME), which volumes of a
qube are worth keeping and where they lie. qubesd has no call that snapshots,
so drivers do it beside qubesd, by the names of states (qube_states). Nothing
that qubesd owns is made, renamed, resized or removed here.
"""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from wyng_dom0.errors import BadInput, NotFound, SourceError, TargetError
from wyng_dom0.names import quote
from wyng_dom0.qubes.facade import (
    ADMIN_QUBE,
    Admin,
    Qube,
    QubePool,
    QubeVolume,
)
from wyng_dom0.snapshots import device_mapper, lvm_listing, nothing
from wyng_dom0.snapshots.driver import Driver, VolumeAt
from wyng_dom0.snapshots.lvm_listing import LogicalVolume
from wyng_dom0.snapshots.qube_states import (
    clean_volume,
    committed_at,
    dirty_image,
    image_of,
    live_volume,
)
from wyng_dom0.sources.dom0 import (
    VOLUMES,
    Dom0Files,
    check_name,
    is_of_dom0,
)
from wyng_dom0.sources.source import Located, VolumeDescription

KEY = "qubes"
STATES = ("auto", "clean", "live")
TAG = "@tag:"
BETWEEN = ":"
# QUBE:settings has no data: its sessions carry the settings alone.
SETTINGS = "settings"
# Of a qube: its last session in an archive.
FEATURE = "wyng.last."
# Of these the root volume is thrown away at each stop.
_TEMPLATED = ("AppVM", "DispVM")
# Its volumes are another machine's.
_ELSEWHERE = ("RemoteVM",)
_KEPT = ("private", "root")
_SNAPSHOTTED = ("lvm_thin", "file-reflink")
_BY_PATH = ("file", "zfs")
_DAY = 86400.0
Say = Callable[[str], None]


class QubesSource:
    """`state` says which state of running qubes is wanted: see STATES.

    `files` are those of dom0 itself, None where they can't be had.
    """

    def __init__(
        self,
        admin: Admin,
        drivers: Sequence[Driver],
        state: str,
        say: Say,
        files: Dom0Files | None = None,
    ) -> None:
        self.admin = admin
        self._files = files
        self._drivers = drivers
        self._state = state
        self._say = say
        self._qubes: dict[str, Qube] | None = None
        self._volumes: dict[str, QubeVolume] = {}
        self._groups: dict[str, list[LogicalVolume]] = {}

    @property
    def key(self) -> str:
        """There is one Qubes OS."""
        return KEY

    def drivers(self) -> Sequence[Driver]:
        """For thin LVs, for clones of files, for what can only be read."""
        return self._drivers

    # Names

    @property
    def files(self) -> Dom0Files:
        """dom0's own volumes, which no driver for qubes takes; NotFound."""
        if self._files is None:
            raise NotFound("dom0's own files can't be had here")
        return self._files

    @property
    def own_names(self) -> tuple[str, ...]:
        """dom0's own volumes, whether or not they are in backups."""
        return VOLUMES if self._files is not None else ()

    def parts(self, names: Sequence[str]) -> list[tuple[Located, list[str]]]:
        """The names, those of dom0 itself under what takes them."""
        own = [each for each in names if is_of_dom0(each)]
        others = [each for each in names if not is_of_dom0(each)]
        found: list[tuple[Located, list[str]]] = []
        if others:
            found.append((self, others))
        if own:
            found.append((self.files, own))
        return found

    def list_volumes(self) -> list[str]:
        """The volumes of all qubes that Qubes includes in backups.

        dom0 among them, as qvm-backup has it.
        """
        found = [
            name
            for qube in self._of_which(self.admin.is_included)
            for name in self._names_of(qube)
        ]
        if self.own_names and self.admin.is_included(ADMIN_QUBE):
            found += self.own_names
        return found

    def names_of_all(self) -> list[str]:
        """The same of all qubes, whatever Qubes includes."""
        found = self._of_which(lambda _: True)
        names = [name for qube in found for name in self._names_of(qube)]
        return [*names, *self.own_names]

    def expand(self, words: Iterable[str]) -> list[str]:
        """Names of volumes for QUBE, QUBE:VOLUME, @tag:NAME and patterns.

        A name with a colon stays as it is. Raises NotFound for a qube, tag
        or pattern that means nothing here.
        """
        names: dict[str, None] = {}
        for word in words:
            if word == ADMIN_QUBE and self.own_names:
                names.update(dict.fromkeys(self.own_names))
                continue
            if BETWEEN in word and not word.startswith("@"):
                names[word] = None
                continue
            meant = self._meant(word)
            found = [name for qube in meant for name in self._names_of(qube)]
            if not found:
                raise NotFound(
                    f"{quote(word)} keeps no volume when it stops: there is"
                    " nothing to back up but its settings,"
                    f" {quote(settings_of(meant[0]))}",
                    about=word,
                )
            names.update(dict.fromkeys(found))
        return list(names)

    def exists(self, name: str) -> bool:
        """True when the qube of that name has such a volume."""
        if is_of_dom0(name):
            return name in self.own_names
        if is_settings(name):
            return owner_of(name) in self._known()
        try:
            self._volume(name)
        except (NotFound, SourceError, BadInput):
            return False
        return True

    def is_template(self, name: str) -> bool:
        """True for the root volume of a template, which many qubes see."""
        qube, _, volume = name.partition(BETWEEN)
        found = self._known().get(qube)
        is_one = found is not None and found.klass == "TemplateVM"
        return is_one and volume == "root"

    def qubes(self) -> list[Qube]:
        """All qubes, by name."""
        return list(self._known().values())

    def qube_of(self, name: str) -> Qube:
        """The qube that a volume belongs to; NotFound."""
        found = self._known().get(owner_of(name))
        if found is None:
            raise NotFound(f"there is no qube {quote(owner_of(name))}")
        return found

    def volumes_of(self, qube: str) -> list[QubeVolume]:
        """The volumes of a qube that survive a shutdown."""
        return [self._volume(each) for each in self._names_of(qube)]

    def note_sent(self, qube: str, archive: str, session: str, at: int) -> None:
        """Let Qubes know that a qube was backed up: when, as which session.

        `at` is in seconds, as qvm-backup notes it. Raises QubesError.
        """
        self.admin.set_property(qube, "backup_timestamp", str(at))
        self.admin.set_feature(qube, f"{FEATURE}{archive}", session)

    # Places

    def describe(self, name: str) -> VolumeDescription:
        """What a volume is now; NotFound, or SourceError if it is none."""
        if is_of_dom0(name):
            return self.files.describe(name)
        if is_settings(name):
            self.qube_of(name)
            place = Path(nothing.PLACE)
            return VolumeDescription(name, place, 0, 0o600, 0, 0, False)
        volume = self._volume(name)
        return VolumeDescription(
            name=name,
            path=self.path_of(name),
            size=volume.size,
            mode=0o600,
            uid=0,
            gid=0,
            block_device=not self._is_file(self.admin.pool(volume.pool)),
        )

    def locate(self, name: str) -> VolumeAt:
        """The volume as drivers take it, and which of its states."""
        if is_settings(name):
            self.qube_of(name)
            return nothing.no_data(name)
        volume = self._volume(name)
        pool = self.admin.pool(volume.pool)
        if pool.driver not in _SNAPSHOTTED:
            self._check_halted(volume, pool)
            place = self._place(volume, pool)
            return VolumeAt(name, place, os.path.dirname(place), clean=True)
        if pool.driver == "lvm_thin":
            return self._locate_thin(name, volume, pool)
        return self._locate_file(name, volume, pool)

    def open(self, name: str) -> int:
        """A readable descriptor: of an image in the state that is wanted, of
        an LV as it was committed.
        """
        located = self.locate(name)
        path = located.place
        if located.pool.startswith("/"):
            path = image_of(located)
        try:
            return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise SourceError(
                f"the volume {quote(name)} can't be opened: {error.strerror}",
                about=name,
            ) from None

    def path_of(self, name: str) -> Path:
        """Where the committed state lies."""
        volume = self._volume(name)
        return Path(self._place(volume, self.admin.pool(volume.pool)))

    def place_for(self, name: str, size: int) -> Path:
        """Nowhere: only qubesd writes to volumes that it owns."""
        raise TargetError(
            f"{quote(name)} belongs to a qube: name the qube to restore it, or"
            " a file with --save-to",
            about=name,
        )

    def scratch_place(self, name: str) -> str:
        """The pool that the volume is in; of what is in none, the default."""
        try:
            if is_of_dom0(name):
                raise NotFound(f"{quote(name)} lies in no pool")
            pool = self.admin.pool(self._volume(name).pool)
        except (NotFound, BadInput):
            pool = self.admin.pool(self.admin.default("default_pool"))
        if pool.driver == "lvm_thin":
            return f"{pool.config['volume_group']}/{pool.config['thin_pool']}"
        if self._is_file(pool):
            return pool.config["dir_path"]
        raise TargetError(
            f"the pool {quote(pool.name)} is of the kind {quote(pool.driver)},"
            " in which nothing can be restored beside qubesd: name a directory"
            " with --scratch",
            about=name,
        )

    # What qubesd knows

    def _known(self) -> dict[str, Qube]:
        if self._qubes is None:
            self._qubes = {each.name: each for each in self.admin.qubes()}
        return self._qubes

    def _of_which(self, is_true: Callable[[str], bool]) -> list[str]:
        """The qubes of which it is true.

        Disposables come and go: one that is gone by now is left out. A qube
        on another machine has neither volumes nor such properties here.
        """
        found = []
        for name, qube in self._known().items():
            try:
                if qube.klass not in _ELSEWHERE and is_true(name):
                    found.append(name)
            except NotFound:
                continue
        return found

    def _meant(self, word: str) -> list[str]:
        known = self._known()
        if word.startswith(TAG):
            tag = word.removeprefix(TAG)
            found = self._of_which(lambda each: self.admin.has_tag(each, tag))
        elif word in known:
            found = [word]
        else:
            found = [each for each in known if fnmatchcase(each, word)]
        if not found:
            if word.startswith(TAG):
                raise NotFound(f"no qube has the tag {quote(tag)}", about=word)
            raise NotFound(f"there is no qube {quote(word)}", about=word)
        return found

    def _names_of(self, qube: str) -> list[str]:
        klass = self._known()[qube].klass
        if klass in _ELSEWHERE:
            return []
        wanted = _KEPT[:1] if klass in _TEMPLATED else _KEPT
        names = [f"{qube}{BETWEEN}{each}" for each in wanted]
        return [each for each in names if self._volume(each).save_on_stop]

    def _volume(self, name: str) -> QubeVolume:
        if is_of_dom0(name):
            check_name(name)
            raise SourceError(
                f"{quote(name)} is made of files and lies in no place of its"
                " own",
                about=name,
            )
        qube, between, volume = name.partition(BETWEEN)
        if not (qube and between and volume):
            raise BadInput(
                f"{quote(name)} is no volume of a qube: it is QUBE:VOLUME, as"
                " in work:private",
                about=name,
            )
        if volume == SETTINGS:
            raise SourceError(
                f"{quote(name)} has no data, only settings: see them with"
                f" `list {qube} --settings`",
                about=name,
            )
        if name not in self._volumes:
            if qube not in self._known():
                raise NotFound(f"there is no qube {quote(qube)}", about=name)
            self._volumes[name] = self.admin.volume(qube, volume)
        return self._volumes[name]

    def _check_halted(self, volume: QubeVolume, pool: QubePool) -> None:
        if pool.driver not in _BY_PATH:
            raise SourceError(
                f"the pool {quote(pool.name)} is of the kind"
                f" {quote(pool.driver)}, of which no volume can be backed up",
                about=pool.name,
            )
        if not self._known()[volume.qube].halted:
            raise SourceError(
                f"{volume.qube} runs, and its pool {quote(pool.name)}"
                f" ({pool.driver}) takes no snapshots of ours: shut it down",
                about=volume.qube,
            )

    # Where states lie

    def _is_file(self, pool: QubePool) -> bool:
        return pool.driver in ("file-reflink", "file")

    def _place(self, volume: QubeVolume, pool: QubePool) -> str:
        if pool.driver == "lvm_thin":
            vg, _, lv = volume.vid.partition("/")
            return device_mapper.mapper_path(vg, lv)
        if pool.driver == "zfs":
            # A link that udev makes, to the device.
            return os.path.realpath(f"/dev/zvol/{volume.vid}")
        folder, _, name = f"{_folder(pool)}/{volume.vid}".rpartition("/")
        return f"{os.path.realpath(folder)}/{name}.img"

    def _locate_thin(
        self, name: str, volume: QubeVolume, pool: QubePool
    ) -> VolumeAt:
        vg, _, lv = volume.vid.partition("/")
        if vg not in self._groups:
            self._groups[vg] = lvm_listing.list_group(vg)
        listed = self._groups[vg]
        runs = lvm_listing.named(listed, f"{lv}-snap") is not None
        clean = self._is_clean(volume, runs)
        if clean and runs:
            self._warn_of_age(volume, committed_at(listed, lv))
        choose = clean_volume if clean else live_volume
        if choose(listed, lv) is None:
            # Renamed meanwhile, or gone: the driver will look again.
            del self._groups[vg]
        thin_pool = f"{pool.config['volume_group']}/{pool.config['thin_pool']}"
        return VolumeAt(name, self._place(volume, pool), thin_pool, clean)

    def _locate_file(
        self, name: str, volume: QubeVolume, pool: QubePool
    ) -> VolumeAt:
        place = self._place(volume, pool)
        runs = os.path.exists(dirty_image(place))
        clean = self._is_clean(volume, runs)
        if clean and runs:
            self._warn_of_age(volume, os.stat(place).st_mtime)
        return VolumeAt(name, place, _folder(pool), clean)

    def _is_clean(self, volume: QubeVolume, runs: bool) -> bool:
        """Shall the clean state be taken? What does not run has only that.

        With no revisions a running qube writes to the volume itself.
        """
        if volume.revisions_to_keep == -1:
            runs = not self._known()[volume.qube].halted
            if runs and self._state == "clean":
                raise self._has_no_clean(volume)
        return self._state == "clean" or (self._state == "auto" and not runs)

    def _has_no_clean(self, volume: QubeVolume) -> SourceError:
        return SourceError(
            f"{volume.qube}:{volume.name} has no clean state while"
            f" {volume.qube} runs, for it keeps no revisions: take the live"
            " one with --state=live, or shut it down",
            about=volume.qube,
        )

    def _warn_of_age(self, volume: QubeVolume, since: float | None) -> None:
        days = int((time.time() - since) / _DAY) if since else 0
        if days >= 1:
            self._say(
                f"{volume.qube} runs: the clean state of its volume"
                f" {quote(volume.name)} is {days} day(s) old; --state=live"
                " takes what it holds now"
            )


def _folder(pool: QubePool) -> str:
    """Where the pool's images lie; /var/lib/qubes is a link for some."""
    return os.path.realpath(pool.config["dir_path"])


def owner_of(name: str) -> str:
    """The qube that a volume belongs to, by its name."""
    return name.partition(BETWEEN)[0]


def settings_of(qube: str) -> str:
    """What is sent of a qube whose data is left out."""
    return f"{qube}{BETWEEN}{SETTINGS}"


def is_settings(name: str) -> bool:
    """True for the name of such a one."""
    return name.partition(BETWEEN)[2] == SETTINGS
