# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Where dom0's state lies; every path below it is named here.

Reads and writes nothing but the folders themselves.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from wyng_common.ids import ArchiveId
from wyng_dom0.state.durable import make_private_folder

SYSTEM_STATE = Path("/var/lib/qvm-wyng")
SYSTEM_CONFIG = Path("/etc/qvm-wyng/config.yaml")
_SYSTEM_POLICIES = Path("/etc/qubes/policy.d")
# Behind the user's own file, in front of the one that refuses everybody.
_POLICY = "40-wyng-requests.policy"


@dataclass(frozen=True)
class Places:
    """The state folder and what lies where in it."""

    root: Path

    @property
    def keeper(self) -> str:
        """Eight hex digits that tell snapshots made for this state.

        By its path: where a state was lost and begun anew at the same place,
        what the old one left is found.
        """
        real = os.path.realpath(self.root)
        return hashlib.sha256(os.fsencode(real)).hexdigest()[:8]

    @property
    def archives(self) -> Path:
        """The folder of archive definitions."""
        return self.root / "archives"

    def definition(self, name: str) -> Path:
        """The definition of the archive dom0 calls `name`."""
        return self.archives / f"{name}.yaml"

    def pin(self, archive: ArchiveId, destination: str) -> Path:
        """The last head seen of an archive at one destination."""
        place = hashlib.sha256(destination.encode("utf-8")).hexdigest()[:16]
        return self.root / "heads" / f"{archive.hex()}-{place}.json"

    def slots(self, archive: ArchiveId) -> Path:
        """The folder of dom0's copies of an archive's key slots."""
        return self.root / "slots" / archive.hex()

    def remembered(self, archive: ArchiveId) -> Path:
        """The master key of an archive whose runs need no passphrase."""
        return self.root / "remembered" / f"{archive.hex()}.key"

    def agent(self, archive: ArchiveId) -> Path:
        """The socket of the agent that holds an archive's key."""
        return self.root / "agent" / archive.hex()

    def staging(self, archive: ArchiveId) -> Path:
        """The token under which unfinished uploads are taken up again."""
        return self.root / "staging" / f"{archive.hex()}.token"

    @property
    def volumes(self) -> Path:
        """The folder of what is kept per volume of a source."""
        return self.root / "volumes"

    def volume(self, source: str, volume: str) -> Path:
        """The folder of one volume's base and ledgers."""
        digest = hashlib.sha256(volume_key(source, volume)).hexdigest()
        return self.volumes / digest[:40]

    @property
    def thin_pools(self) -> Path:
        """The folder of notes about thin pools and their tools."""
        return self.root / "thin"

    def make_scratch(self) -> Path:
        """The private folder of large temporary files without names."""
        return make_private_folder(self.root / "scratch")

    def last_send(self, archive: ArchiveId) -> Path:
        """When all volumes of an archive were last sent."""
        return self.root / "sent" / f"{archive.hex()}.time"

    def space(self, archive: ArchiveId, destination: str) -> Path:
        """How much room there was at an archive's destination."""
        place = hashlib.sha256(destination.encode("utf-8")).hexdigest()[:16]
        return self.root / "space" / f"{archive.hex()}-{place}.json"

    def seen(self, archive: ArchiveId, destination: str) -> Path:
        """The volumes that an archive had when it was last open."""
        place = hashlib.sha256(destination.encode("utf-8")).hexdigest()[:16]
        return self.root / "seen" / f"{archive.hex()}-{place}.json"

    def tried(self, archive: ArchiveId) -> Path:
        """What came of the last send of each volume."""
        return self.root / "tried" / f"{archive.hex()}.json"

    def choices(self, archive: ArchiveId) -> Path:
        """What is always or never sent to an archive."""
        return self.root / "choices" / f"{archive.hex()}.json"

    @property
    def default_archive(self) -> Path:
        """Which archive is meant where none is named."""
        return self.root / "default.json"

    def archive_options(self, archive: ArchiveId) -> Path:
        """The options that an archive always has."""
        return self.root / "options" / f"{archive.hex()}.json"

    def size_history(self, archive: ArchiveId, destination: str) -> Path:
        """What an archive came to over time."""
        place = hashlib.sha256(destination.encode("utf-8")).hexdigest()[:16]
        return self.root / "history" / f"{archive.hex()}-{place}.json"

    def proven(self, archive: ArchiveId, destination: str) -> Path:
        """The folder of what was proven of an archive at a destination."""
        place = hashlib.sha256(destination.encode("utf-8")).hexdigest()[:16]
        return self.root / "proven" / f"{archive.hex()}-{place}"

    @property
    def runs(self) -> Path:
        """The folder of what runs now: a file and a socket of each run."""
        return self.root / "runs"

    @property
    def grants(self) -> Path:
        """The folder of who may ask for which archive."""
        return self.root / "requests" / "allowed"

    def grant(self, archive: ArchiveId) -> Path:
        """Which qube may ask for an archive."""
        return self.grants / f"{archive.hex()}.json"

    @property
    def requests_pending(self) -> Path:
        """The folder of the restores that were asked for."""
        return self.root / "requests" / "pending"

    def request(self, archive: ArchiveId, qube: str) -> Path:
        """The request for a qube, whose name was checked, of an archive."""
        return self.requests_pending / f"{archive.hex()}-{qube}.json"

    def pace(self, caller: str) -> Path:
        """How often a qube, whose name was checked, called of late."""
        return self.root / "requests" / "paces" / f"{caller}.json"

    @property
    def request_log(self) -> Path:
        """What was asked for, refused and done."""
        return self.root / "requests" / "log"

    @property
    def policy_is_ours(self) -> bool:
        """False for the system's state, whose policy qrexec reads."""
        return self.root != SYSTEM_STATE

    @property
    def policy(self) -> Path:
        """The policy of who may ask.

        A state of one's own has its own, which nobody obeys.
        """
        if self.policy_is_ours:
            return self.root / "policy.d" / _POLICY
        return _SYSTEM_POLICIES / _POLICY

    def unfinished(self, device: bytes) -> Path:
        """Says that a restore to a block device is not finished."""
        return self.root / "unfinished" / hashlib.sha256(device).hexdigest()

    @property
    def restores(self) -> Path:
        """The folder of notes about qubes that are being restored."""
        return self.root / "restores"

    def restore(self, qube: str) -> Path:
        """Says that a qube is being restored."""
        digest = hashlib.sha256(qube.encode("utf-8")).hexdigest()
        return self.restores / f"{digest}.json"

    @property
    def drills(self) -> Path:
        """The folder of notes about what drills restore to."""
        return self.root / "drills"

    def drill(self, place: bytes) -> Path:
        """Says that a drill restores to a place."""
        return self.drills / f"{hashlib.sha256(place).hexdigest()}.json"

    def lock(self, kind: str, key: bytes) -> Path:
        """The lock file of one thing of a kind; `key` is what it is."""
        return self.root / "locks" / f"{kind}-{hashlib.sha256(key).hexdigest()}"


def volume_key(source: str, volume: str) -> bytes:
    """What tells a volume of a source from every other one."""
    return b"\0".join((source.encode("utf-8"), volume.encode("utf-8")))


def make_folder_of(path: Path) -> Path:
    """Make the private folder a state file lies in; returns the path."""
    make_private_folder(path.parent)
    return path


def find_places(
    meta_dir: str | None, uid: int, environ: Mapping[str, str]
) -> Places:
    """Where the state is: --meta-dir, else the system's, else the user's.

    Makes nothing; the folders come with the first file written.
    """
    if meta_dir is not None:
        return Places(Path(meta_dir).absolute())
    if uid == 0:
        return Places(SYSTEM_STATE)
    return Places(_base(environ, "XDG_STATE_HOME", ".local/state") / "qvm-wyng")


def find_config(uid: int, environ: Mapping[str, str]) -> Path:
    """Where the user's own configuration is looked for."""
    if uid == 0:
        return SYSTEM_CONFIG
    base = _base(environ, "XDG_CONFIG_HOME", ".config")
    return base / "qvm-wyng" / "config.yaml"


def _base(environ: Mapping[str, str], variable: str, below_home: str) -> Path:
    """As the XDG base directory specification says: relative ones count not."""
    given = environ.get(variable, "")
    if given.startswith("/"):
        return Path(given)
    return Path(environ.get("HOME") or "/") / below_home
