# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`monitor`: note what changed and renew snapshots, with no archive in reach.

Starts no store and asks for no passphrase.
"""

from wyng_dom0.commands.access import bounds_of, known_source
from wyng_dom0.commands.context import Context
from wyng_dom0.engine.guard import Guard
from wyng_dom0.engine.harvest import Harvester
from wyng_dom0.engine.kept import known_volumes
from wyng_dom0.engine.selection import is_excluded
from wyng_dom0.engine.taking import Taken
from wyng_dom0.errors import Dom0Error, SomeVolumesFailed
from wyng_dom0.events import RunDone, RunStarted, VolumeDone, VolumeSkipped
from wyng_dom0.names import check_volume_name
from wyng_dom0.sources.dom0 import is_of_dom0
from wyng_dom0.sources.qubes import QubesSource
from wyng_dom0.sources.source import Source


def run(context: Context) -> None:
    """Harvest the named volumes, or all that some archive has a ledger of."""
    source = known_source(context)
    names = _selected(context, source)
    failed: list[tuple[str, Dom0Error]] = []
    context.listener(RunStarted("monitor", "", tuple(names)))

    def fail(name: str, error: Dom0Error) -> None:
        failed.append((name, error))
        context.listener(VolumeDone(volume=name, error=str(error)))

    guard = Guard(
        *(context.places, source.drivers(), context.listener),
        bounds_of(context.options),
    )
    harvester = Harvester(
        *(context.places, source, guard, context.listener, fail),
        now_ns=int(context.now.timestamp() * 10**6) * 1000,
        keep_only=True,
    )
    for taken in harvester.harvest(names, {}):
        harvester.let_go(taken)
        context.listener(_done(taken))
    done = len(names) - len(failed)
    context.listener(
        RunDone("monitor", "", volumes_done=done, volumes_failed=len(failed))
    )
    if len(failed) == len(names) == 1:
        raise failed[0][1]
    if failed:
        raise SomeVolumesFailed(
            tuple((name, str(error)) for name, error in failed)
        )


def _selected(context: Context, source: Source) -> list[str]:
    """The volumes to harvest; one line about each that is passed over."""
    options = context.options
    known = known_volumes(context.places, source.key)
    named = source.expand(options.names)
    wanted = [check_volume_name(name) for name in named]
    if options.all:
        wanted += source.list_volumes()
    elif not wanted:
        wanted = known
    names = []
    for name in sorted(set(wanted)):
        if is_excluded(name, options.volex):
            continue
        if name in known:
            names.append(name)
            continue
        why = "it was never sent"
        if isinstance(source, QubesSource) and is_of_dom0(name):
            why = "a send reads all of it"
        context.listener(VolumeSkipped(name, why))
    return names


def _done(taken: Taken) -> VolumeDone:
    return VolumeDone(
        volume=taken.name,
        total_bytes=taken.ref.size,
        changed_bytes=taken.found_bytes,
        changed=taken.found_bytes > 0,
        point_in_time=taken.driver.keeps,
    )
