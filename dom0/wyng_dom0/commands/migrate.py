# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`migrate`: bring the sessions of a wyng archive over into one of ours.

The old archive is a directory that is only read. What is here already is
left alone, so that it can be run again and again.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fnmatch import fnmatchcase

from wyng_common.messages import Capability
from wyng_dom0.commands.access import (
    Chosen,
    held,
    known_definition,
    open_chosen,
)
from wyng_dom0.commands.context import Context
from wyng_dom0.commands.foreign_names import as_qubes
from wyng_dom0.commands.reports import ForeignRow, MigrationList
from wyng_dom0.engine.foreign_sessions import count_here
from wyng_dom0.engine.head_code import head_code
from wyng_dom0.engine.migration import Migration, MigrationReport
from wyng_dom0.engine.opened import OpenArchive
from wyng_dom0.engine.selection import is_excluded
from wyng_dom0.errors import (
    NotFound,
    Refused,
    SomeVolumesFailed,
)
from wyng_dom0.events import Notice, RunDone, RunStarted, Warning_
from wyng_dom0.migrate.archive import ForeignArchive
from wyng_dom0.migrate.find import open_foreign
from wyng_dom0.migrate.records import ForeignVolume
from wyng_dom0.names import quote
from wyng_dom0.seal.compression import Compression, parse_compression
from wyng_dom0.sources.qubes import KEY as QUBES


def run(context: Context) -> None:
    """Bring over what is missing of the volumes named, or of all."""
    path, names = context.options.names[0], context.options.names[1:]
    with _opened_source(context, path) as source:
        volumes = _selected(context, source, names)
        failed = _failed(context, source, names)
        if context.options.dry_run:
            _tell(context, source, volumes, failed)
            return
        report = _bring(context, source, volumes)
    for name, why in failed.items():
        report.failures.setdefault(name, []).append(why)
    report.raise_failures()


@contextmanager
def _opened_source(context: Context, path: str) -> Iterator[ForeignArchive]:
    options = context.options

    def ask() -> bytes:
        what = f"the wyng archive in {quote(path)}"
        return context.prompts.old_passphrase(what, options.from_passcmd)

    scratch = str(context.places.make_scratch())
    with open_foreign(path, scratch, ask) as source:
        unfinished = source.reader.root.unfinished
        if unfinished and not options.force:
            raise Refused(
                f"the wyng archive has unfinished work"
                f" ({quote(unfinished)}): let wyng finish it, or say --force"
                " to take what can be proven"
            )
        yield source


def _selected(
    context: Context, source: ForeignArchive, names: tuple[str, ...]
) -> list[ForeignVolume]:
    reader, volex = source.reader, context.options.volex
    for name in names:
        known = [*(each.name for each in reader.volumes), *reader.failed]
        if not any(_means(name, each) for each in known):
            raise NotFound(
                f"the wyng archive has no volume {quote(name)}", about=name
            )
    wanted = [
        each
        for each in sorted(reader.volumes, key=lambda volume: volume.name)
        if not names or any(_means(name, each.name) for name in names)
        if not is_excluded(each.name, volex)
    ]
    if known_definition(context).source == QUBES:
        return as_qubes(wanted)
    return wanted


def _failed(
    context: Context, source: ForeignArchive, names: tuple[str, ...]
) -> dict[str, str]:
    """Volumes that can't be read at all, among those wanted."""
    return {
        name: why
        for name, why in source.reader.failed.items()
        if not names or any(_means(each, name) for each in names)
        if not is_excluded(name, context.options.volex)
    }


def _means(pattern: str, name: str) -> bool:
    return pattern == name or fnmatchcase(name, pattern)


def _bring(
    context: Context, source: ForeignArchive, volumes: list[ForeignVolume]
) -> MigrationReport:
    scratch = str(context.places.make_scratch())
    _warn_unsealed(context, source)
    with ExitStack() as stack:
        chosen = stack.enter_context(held(context, Capability.PRUNE))
        names = tuple(each.name for each in volumes)
        context.listener(RunStarted("migrate", chosen.name, names))
        migration: Migration | None = None
        while migration is None or not migration.is_done:
            with open_chosen(
                context, chosen, Capability.PRUNE, Capability.PUT
            ) as archive:
                if migration is None:
                    migration = stack.enter_context(
                        Migration(
                            *(source, volumes, scratch),
                            _compression(context, archive),
                            context.listener,
                        )
                    )
                migration.run_round(archive, _now_ns(context))
                tip = migration.report.head or archive.end.tip
        _tell_end(context, chosen, migration.report, head_code(tip))
    return migration.report


def _warn_unsealed(context: Context, source: ForeignArchive) -> None:
    if not source.reader.is_sealed:
        context.listener(
            Warning_(
                "the wyng archive is not sealed: what comes over is as true"
                " as the place it lies at"
            )
        )


def _compression(context: Context, archive: OpenArchive) -> Compression:
    settings = archive.catalog.settings
    return parse_compression(
        context.options.compression or settings.compression
    )


def _now_ns(context: Context) -> int:
    return int(context.now.timestamp() * 10**6) * 1000


def _tell_end(
    context: Context, chosen: Chosen, report: MigrationReport, code: str
) -> None:
    if not report.migrated and not report.failures:
        context.listener(Notice("all of its sessions are here already"))
    context.listener(
        RunDone(
            command="migrate",
            archive=chosen.name,
            sent_bytes=report.sent_bytes,
            volumes_done=report.volumes - len(report.failures),
            volumes_failed=len(report.failures),
            head_code=code,
        )
    )


def _tell(
    context: Context,
    source: ForeignArchive,
    volumes: list[ForeignVolume],
    failed: dict[str, str],
) -> None:
    """What would come, with nothing of the old archive's data read."""
    with held(context, Capability.GET) as chosen:
        with open_chosen(context, chosen, Capability.GET) as archive:
            rows = [_row(archive, volume) for volume in volumes]
    rows += [ForeignRow(name, 0, 0, (), why) for name, why in failed.items()]
    context.report(
        MigrationList(
            archive=chosen.name,
            source=source.reader.folder.shown,
            format=source.reader.label,
            volumes=tuple(rows),
        )
    )
    if failed:
        raise SomeVolumesFailed(tuple(failed.items()))


def _row(archive: OpenArchive, volume: ForeignVolume) -> ForeignRow:
    try:
        page = archive.page_named(volume.name)
        here = count_here(volume, archive.sessions(page))
    except NotFound:
        here = 0
    except Refused as error:
        return ForeignRow(volume.name, volume.largest, 0, (), str(error))
    coming = tuple(each.name for each in volume.sessions[here:])
    return ForeignRow(volume.name, volume.largest, here, coming, volume.broken)
