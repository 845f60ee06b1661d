# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`status`: what is known here of archives, runs, snapshots and ledgers.

Starts no store and asks for no passphrase. What one source or archive can't
tell is said, and the rest is told all the same.
"""

from datetime import datetime, timezone

from wyng_common.ids import ArchiveId
from wyng_dom0.commands.archive_status import archive_rows
from wyng_dom0.commands.context import Context
from wyng_dom0.commands.overdue import meant_archives
from wyng_dom0.commands.reports import (
    KeptRow,
    LedgerRow,
    LeftoverRow,
    PoolRow,
    RunningRow,
    StatusReport,
)
from wyng_dom0.engine.kept import VolumeStatus, status_of, usage_of
from wyng_dom0.engine.leftovers import find_leftovers
from wyng_dom0.errors import BadInput, Dom0Error
from wyng_dom0.names import quote
from wyng_dom0.runs.run_files import list_runs
from wyng_dom0.snapshots.driver import PoolUsage
from wyng_dom0.sources.choose import (
    choose_source,
    has_qubes,
    open_qubes,
)
from wyng_dom0.state import definitions
from wyng_dom0.state.definitions import ArchiveDefinition
from wyng_dom0.state.requests import list_requests
from wyng_dom0.state.restoring import noted


def run(context: Context) -> None:
    """Report all, or what is kept of the named volumes."""
    known = meant_archives(context)
    problems: list[str] = []
    volumes: list[KeptRow] = []
    pools: dict[str, PoolRow] = {}
    for key in _sources(context, known):
        try:
            _look_at(context, key, volumes, pools)
        except (Dom0Error, OSError) as error:
            if context.options.local is not None:
                raise
            why = getattr(error, "strerror", None) or str(error)
            problems.append(f"the source {quote(key)} can't be read: {why}")
    context.report(
        StatusReport(
            archives=archive_rows(context, known, problems),
            running=_running(context),
            volumes=tuple(volumes),
            pools=tuple(pools.values()),
            requests=_requests(context),
            leftovers=_leftovers(context, problems),
            problems=tuple(problems),
        )
    )


def _leftovers(
    context: Context, problems: list[str]
) -> tuple[LeftoverRow, ...]:
    admin = None
    if noted(context.places) and has_qubes():
        try:
            admin = open_qubes(context.places, context.listener).admin
            found = find_leftovers(context.places, admin)
        except Dom0Error as error:
            problems.append(f"what restores left can't be looked at: {error}")
            found = find_leftovers(context.places, None)
    else:
        found = find_leftovers(context.places, None)
    return tuple(
        LeftoverRow(each.kind.value, each.name, each.of) for each in found
    )


def _sources(context: Context, known: list[ArchiveDefinition]) -> list[str]:
    """The sources that are meant, each once."""
    local = context.options.local
    if local is not None:
        return [local]
    found = dict.fromkeys(each.source for each in known if each.source)
    if not found and context.options.names:
        raise BadInput("no source of volumes is known: name one with --local")
    return list(found)


def _look_at(
    context: Context,
    key: str,
    volumes: list[KeptRow],
    pools: dict[str, PoolRow],
) -> None:
    """Add what is kept of one source's volumes."""
    source = choose_source(key, context.places, context.listener)
    drivers = source.drivers()
    wanted = context.options.names
    found = status_of(context.places, source.key, drivers)
    shown = [each for each in found if not wanted or each.volume in wanted]
    archives = {
        each.archive: each.name
        for each in definitions.list_definitions(context.places)
    }
    volumes += [_row(context, source.key, archives, each) for each in shown]
    for usage in usage_of(shown, drivers):
        pools[usage.pool] = _pool(usage, found)


def _pool(usage: PoolUsage, found: list[VolumeStatus]) -> PoolRow:
    costs = [
        each.cost
        for each in found
        if each.present and each.base and each.base.pool == usage.pool
    ]
    known = [each for each in costs if each is not None]
    return PoolRow(
        pool=usage.pool,
        size=usage.data_bytes,
        data_percent=round(100 * usage.data_part),
        metadata_percent=round(100 * usage.metadata_part),
        snapshots=sum(known) if len(known) == len(costs) else None,
    )


def _running(context: Context) -> tuple[RunningRow, ...]:
    return tuple(
        RunningRow(
            run=each.run,
            command=each.command,
            archive=each.archive,
            pid=each.pid,
            started=each.started,
            volumes=each.volumes,
            paused=each.paused,
        )
        for each in list_runs(context.places)
    )


def _requests(context: Context) -> int:
    """How many wait; those that are too old are dropped by others."""
    known = list_requests(context.places)
    return sum(not each.is_over(context.now) for each in known)


def _row(
    context: Context,
    source: str,
    archives: dict[ArchiveId, str],
    status: VolumeStatus,
) -> KeptRow:
    base = status.base
    taken = None
    age = 0
    if base is not None:
        taken = datetime.fromtimestamp(base.taken_ns // 10**9, timezone.utc)
        age = max(0, int((context.now - taken).total_seconds()))
    return KeptRow(
        source=source,
        volume=status.volume,
        snapshot=base.place if base is not None else "",
        present=status.present,
        size=base.size if base is not None else 0,
        taken=taken.astimezone(context.now.tzinfo) if taken else None,
        age_seconds=age,
        cost=status.cost,
        ledgers=_ledgers(archives, status),
    )


def _ledgers(
    archives: dict[ArchiveId, str], status: VolumeStatus
) -> tuple[LedgerRow, ...]:
    """By the archives' names here; those that have none by their ids."""
    rows = [
        LedgerRow(
            archive=archives.get(each.archive, each.archive.hex()),
            changed=each.changed,
            everything=each.everything,
        )
        for each in status.ledgers
    ]
    return tuple(sorted(rows, key=lambda row: row.archive))
