# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`status`: the snapshots and ledgers this machine keeps, and their cost.

Starts no store and asks for no passphrase.
"""

from datetime import datetime, timezone

from wyng_common.ids import ArchiveId
from wyng_dom0.commands.access import known_source
from wyng_dom0.commands.context import Context
from wyng_dom0.commands.reports import (
    KeptRow,
    LedgerRow,
    PoolRow,
    StatusReport,
)
from wyng_dom0.engine.kept import VolumeStatus, status_of, usage_of
from wyng_dom0.state import definitions


def run(context: Context) -> None:
    """Report what is kept of the named volumes, or of all."""
    source = known_source(context)
    drivers = source.drivers()
    found = status_of(context.places, source.key, drivers)
    wanted = context.options.names
    archives = {
        each.archive: each.name
        for each in definitions.list_definitions(context.places)
    }
    shown = [each for each in found if not wanted or each.volume in wanted]
    context.report(
        StatusReport(
            source=source.key,
            volumes=tuple(_row(context, archives, each) for each in shown),
            pools=tuple(
                PoolRow(
                    pool=each.pool,
                    size=each.data_bytes,
                    data_percent=round(100 * each.data_part),
                    metadata_percent=round(100 * each.metadata_part),
                )
                for each in usage_of(shown, drivers)
            ),
        )
    )


def _row(
    context: Context, archives: dict[ArchiveId, str], status: VolumeStatus
) -> KeptRow:
    base = status.base
    taken = None
    age = 0
    if base is not None:
        taken = datetime.fromtimestamp(base.taken_ns // 10**9, timezone.utc)
        age = max(0, int((context.now - taken).total_seconds()))
    return KeptRow(
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
