# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The rows of `overview`: one volume and one archive, from local notes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from wyng_common.ids import ArchiveId
from wyng_dom0.commands.archive_status import url_of
from wyng_dom0.commands.context import Context
from wyng_dom0.commands.overdue import every_of
from wyng_dom0.commands.reports import BackupRow
from wyng_dom0.engine.left_out import Plan
from wyng_dom0.engine.standing import Facts, judge
from wyng_dom0.errors import BadInput
from wyng_dom0.qubes.facade import ADMIN_QUBE
from wyng_dom0.sources.qubes import is_settings, owner_of
from wyng_dom0.sources.qubes_shown import ShownQube
from wyng_dom0.state import choices
from wyng_dom0.state.definitions import ArchiveDefinition
from wyng_dom0.state.ledgers import Ledger
from wyng_dom0.state.proven import Content, Proof, Proofs
from wyng_dom0.state.seen_volumes import (
    Seen,
    SeenVolume,
    by_name,
    read_seen,
)
from wyng_dom0.state.tried_sends import NEVER, Tried, read_tried
from wyng_dom0.state.volumes import Base, list_states


@dataclass(frozen=True)
class Shown:
    """What a source has now: sizes in bytes by name, None where it can't be
    read, and the qubes if it is Qubes."""

    key: str
    sizes: Mapping[str, int] | None
    qubes: tuple[ShownQube, ...] = ()
    # dom0 is ticked too, and is not among them.
    takes_dom0: bool = True

    @property
    def unticked(self) -> frozenset[str]:
        """The qubes that Qubes leaves out of backups, perhaps dom0."""
        found = frozenset(q.name for q in self.qubes if not q.included)
        return found if self.takes_dom0 else found | {ADMIN_QUBE}

    def has(self, name: str) -> bool | None:
        """Is it there? Settings are with their qube; None: nobody knows."""
        if self.sizes is None:
            return None
        if self.qubes and is_settings(name):
            return owner_of(name) in {each.name for each in self.qubes}
        return name in self.sizes


@dataclass(frozen=True)
class Noted:
    """An archive's ledger of a volume and the base it counts to."""

    ledger: Ledger
    base: Base


@dataclass(frozen=True)
class Known:
    """All that is known here of one archive."""

    name: str
    source: str
    since: datetime
    every: timedelta
    plan: Plan
    seen: Seen | None
    volumes: Mapping[str, SeenVolume]
    tried: Mapping[str, Tried]
    noted: Mapping[str, Noted]
    proofs: Mapping[str, Mapping[Content, Proof]]


def know_archive(
    context: Context,
    definition: ArchiveDefinition,
    shown: Shown,
    problems: list[str],
) -> Known:
    """Read what this machine keeps of an archive; faults are problems."""
    places, url = context.places, url_of(definition)
    seen = read_seen(places, definition.archive, url)
    try:
        chosen = choices.read_choices(places, definition.archive)
    except BadInput as error:
        problems.append(str(error))
        chosen = choices.NONE
    return Known(
        name=definition.name,
        source=definition.source,
        since=definition.created,
        every=every_of(context, definition),
        plan=Plan(chosen, shown.unticked),
        seen=seen,
        volumes=by_name(seen.volumes) if seen else {},
        tried=read_tried(places, definition.archive),
        noted=_noted(context, shown.key, definition.archive),
        proofs=Proofs(places, definition.archive, url).read_all(),
    )


def _noted(
    context: Context, source: str, archive: ArchiveId
) -> dict[str, Noted]:
    found = {}
    for state in list_states(context.places, source):
        base = state.base()
        for ledger in state.ledgers() if base else ():
            if base is not None and ledger.archive == archive:
                found[state.volume] = Noted(ledger, base)
    return found


def backup_row(
    context: Context, shown: Shown, known: Known, name: str
) -> BackupRow:
    """How a volume stands with an archive."""
    seen, tried = known.volumes.get(name), known.tried.get(name, NEVER)
    present = shown.has(name)
    facts = Facts(
        present=present,
        excluded=known.plan.leaves_out(name),
        was_open=known.seen is not None,
        since=known.since,
        seen=seen,
        tried=tried,
    )
    changed, everything, noted = _changed(known.noted.get(name), seen)
    proven = _proven(known.proofs, seen)
    return BackupRow(
        archive=known.name,
        state=judge(facts, known.every, context.now).value,
        planned=known.plan.takes(name, known.volumes),
        sessions=seen.sessions if seen else 0,
        newest=seen.newest if seen else "",
        time=seen.time if seen else None,
        size=seen.size if seen else 0,
        sent=tried.sent,
        failed=tried.failed,
        error=tried.error,
        changed=changed,
        everything=everything,
        noted=noted,
        proven=proven.at if proven else None,
        proven_session=proven.session if proven else "",
    )


def _changed(
    noted: Noted | None, seen: SeenVolume | None
) -> tuple[int | None, bool, datetime | None]:
    """Bytes that may have changed, whether it is all, and until when.

    A ledger that counts from another session than the newest says nothing.
    """
    if noted is None or seen is None:
        return None, False, None
    ledger, size = noted.ledger, noted.base.size
    at = datetime.fromtimestamp(noted.base.taken_ns // 10**9, timezone.utc)
    since = ledger.since
    root = since.root.hex() if since and since.root else ""
    counts = since is not None and (root, since.size) == (seen.root, seen.size)
    if not counts or ledger.unsent.everything:
        return size, True, at.astimezone()
    chunks = -(-size // ledger.chunk_size)
    changed = ledger.unsent.count(chunks) * ledger.chunk_size
    return min(size, changed), False, at.astimezone()


def _proven(
    proofs: Mapping[str, Mapping[Content, Proof]], seen: SeenVolume | None
) -> Proof | None:
    """Of the newest session that is proven; None where none is."""
    if seen is None or not seen.sessions:
        return None
    known = proofs.get(seen.volume, {})
    proven = [(each, proof) for each, proof in known.items() if proof.at]
    if not proven:
        return None
    return max(proven, key=_age)[1]


def _age(pair: tuple[Content, Proof]) -> int:
    return pair[0].sequence
