# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""When a session was last read back and found whole, per destination.

One file per volume: a proof of one copy of an archive says nothing of
another. A session is known by its sequence, root and size together, so that
a proof is never taken for one of other content. What can't be read counts as
never proven. Decides nothing about how old is too old.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from wyng_common.ids import ArchiveId
from wyng_dom0.state import durable, locks
from wyng_dom0.state.places import Places, make_folder_of

_FILE_MAX = 64 << 20
VERIFY, CHECK, DRILL = "verify", "arch-check", "drill"


@dataclass(frozen=True)
class Content:
    """Which session, and what it holds; `root` None when all is zeros."""

    sequence: int
    root: bytes | None
    size: int


@dataclass(frozen=True)
class Proof:
    """What was proven of a session. Times are aware.

    `at`: when reading all of it began, `how` by which command; `session` is
    its name. `sampled`: when a part drawn by lot was found whole, which
    proves nothing. `reached`: of a reading that was cut off, the chunks
    before this one are whole, since `begun`.
    """

    at: datetime | None = None
    how: str = ""
    session: str = ""
    sampled: datetime | None = None
    begun: datetime | None = None
    reached: int = 0


NEVER = Proof()


@dataclass(frozen=True)
class Proofs:
    """Where an archive's proofs at one destination are kept."""

    places: Places
    archive: ArchiveId
    destination: str

    def read(self, volume: bytes) -> dict[Content, Proof]:
        """What is known of a volume's sessions."""
        return _read(self._path(volume))

    def read_all(self) -> dict[str, dict[Content, Proof]]:
        """What is known of every volume's sessions, by its id in hex."""
        folder = self.places.proven(self.archive, self.destination)
        if not folder.is_dir():
            return {}
        return {path.stem: _read(path) for path in folder.glob("*.json")}

    def note(
        self,
        volume: bytes,
        content: Content,
        proof: Proof,
        existing: Collection[int],
    ) -> None:
        """note_all of one session."""
        self.note_all(volume, {content: proof}, existing)

    def note_all(
        self,
        volume: bytes,
        fresh: Mapping[Content, Proof],
        existing: Collection[int],
    ) -> None:
        """Durably note them in place of what was known of those sessions.

        Entries of sequences that are not `existing` any more go.
        """
        replaced = {each.sequence for each in fresh}
        path = make_folder_of(self._path(volume))
        with locks.hold_proven(self.places, path):
            known = _read(path)
            known = {
                each: found
                for each, found in known.items()
                if each.sequence in existing and each.sequence not in replaced
            }
            durable.write_private(path, _encode({**known, **fresh}))

    def forget(self, volume: bytes, sequences: Collection[int]) -> None:
        """Durably drop what is known of sessions that were removed."""
        path = self._path(volume)
        if not path.exists():
            return
        with locks.hold_proven(self.places, path):
            known = _read(path)
            left = {
                each: proof
                for each, proof in known.items()
                if each.sequence not in sequences
            }
            if left != known:
                durable.write_private(path, _encode(left))

    def forget_volume(self, volume: bytes) -> None:
        """Durably drop all that is known of a volume."""
        path = self._path(volume)
        if path.exists():
            with locks.hold_proven(self.places, path):
                durable.remove_private(path)

    def forget_all(self) -> None:
        """Durably drop all that is known of the archive there."""
        folder = self.places.proven(self.archive, self.destination)
        if folder.is_dir():
            for path in sorted(folder.iterdir()):
                durable.remove_private(path)

    def _path(self, volume: bytes) -> Path:
        folder = self.places.proven(self.archive, self.destination)
        return folder / f"{volume.hex()}.json"


def newest_proof(
    known: Mapping[str, Mapping[Content, Proof]],
) -> datetime | None:
    """When any session among these was last proven; None for never."""
    moments = [
        proof.at
        for proofs in known.values()
        for proof in proofs.values()
        if proof.at is not None
    ]
    return max(moments, default=None)


def proven_whole(before: Proof, at: datetime, how: str, session: str) -> Proof:
    """A proof after all of a session was read, from `at` on."""
    return Proof(at, how, session, before.sampled)


def sampled_whole(before: Proof, at: datetime, session: str) -> Proof:
    """A proof after a part drawn by lot was read: nothing is proven."""
    return replace(before, sampled=at, session=session)


def cut_off(
    before: Proof, begun: datetime, reached: int, session: str
) -> Proof:
    """A proof after the chunks before `reached` were read."""
    return replace(before, begun=begun, reached=reached, session=session)


def _encode(known: Mapping[Content, Proof]) -> bytes:
    rows = [
        {
            "sequence": content.sequence,
            "root": content.root.hex() if content.root else "",
            "size": content.size,
            **{
                key: value.isoformat() if isinstance(value, datetime) else value
                for key, value in asdict(proof).items()
            },
        }
        for content, proof in sorted(
            known.items(), key=lambda pair: pair[0].sequence
        )
    ]
    return json.dumps({"sessions": rows}).encode("ascii")


def _read(path: Path) -> dict[Content, Proof]:
    try:
        with open(path, "rb") as file:
            rows = json.loads(file.read(_FILE_MAX))["sessions"]
        return dict(_parse(row) for row in rows)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return {}


def _parse(row: Mapping[str, object]) -> tuple[Content, Proof]:
    """Raises ValueError, KeyError or TypeError for what is damaged."""
    root = bytes.fromhex(str(row["root"])) or None
    content = Content(_number(row["sequence"]), root, _number(row["size"]))
    return content, Proof(
        at=_time(row["at"]),
        how=str(row["how"]),
        session=str(row["session"]),
        sampled=_time(row["sampled"]),
        begun=_time(row["begun"]),
        reached=_number(row["reached"]),
    )


def _number(value: object) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError("not a number")
    return value


def _time(value: object) -> datetime | None:
    if value is None:
        return None
    found = datetime.fromisoformat(str(value))
    if found.tzinfo is None:
        raise ValueError("a time without its zone")
    return found
