# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`overview`: how every volume stands with every archive.

Starts no store and asks for no passphrase: what archives hold is as this
machine last saw it. What one source or archive can't tell is said, and the
rest is told all the same.
"""

from wyng_dom0.commands.archive_status import archive_rows
from wyng_dom0.commands.context import Context
from wyng_dom0.commands.overdue import meant_archives
from wyng_dom0.commands.overview_rows import (
    Known,
    Shown,
    backup_row,
    know_archive,
)
from wyng_dom0.commands.reports import (
    BackupRow,
    OverviewReport,
    OverviewRow,
    QubeRow,
    SeenRow,
)
from wyng_dom0.engine.standing import Standing
from wyng_dom0.errors import Dom0Error, NotFound
from wyng_dom0.names import quote
from wyng_dom0.qubes.facade import ADMIN_QUBE
from wyng_dom0.sources.choose import choose_source, has_qubes
from wyng_dom0.sources.qubes import KEY, QubesSource, owner_of
from wyng_dom0.sources.qubes_shown import ShownQube, is_ticked, show_qubes
from wyng_dom0.sources.source import Source
from wyng_dom0.state.proven import newest_proof

# What a user has to know first.
_WORST = (
    *(Standing.FAILED, Standing.OVERDUE, Standing.NEVER, Standing.MISSING),
    *(Standing.UNKNOWN, Standing.OK, Standing.EXCLUDED),
)


def run(context: Context) -> None:
    """Report all volumes of all archives' sources, and all they have."""
    problems: list[str] = []
    meant = meant_archives(context)
    keys = dict.fromkeys(each.source for each in meant)
    if not keys and has_qubes():
        keys[KEY] = None
    shown = {key: _look(context, key, problems) for key in keys}
    known = [
        know_archive(context, each, shown[each.source], problems)
        for each in meant
    ]
    context.report(
        OverviewReport(
            archives=archive_rows(
                context,
                meant,
                problems,
                {each.name: newest_proof(each.proofs) for each in known},
            ),
            seen=tuple(
                SeenRow(each.name, each.seen.seen_at if each.seen else None)
                for each in known
            ),
            qubes=tuple(
                _qube(qube) for each in shown.values() for qube in each.qubes
            ),
            volumes=tuple(
                row
                for key, each in shown.items()
                for row in _volumes(
                    context, each, [k for k in known if k.source == key]
                )
            ),
            problems=tuple(problems),
        )
    )


def _look(context: Context, key: str, problems: list[str]) -> Shown:
    """What a source has now; its volumes None where it can't be read."""
    if not key:
        return Shown(key, None)
    try:
        source = choose_source(key, context.places, context.listener)
        if isinstance(source, QubesSource):
            return _of_qubes(source)
        return Shown(source.key, _sizes(source))
    except (Dom0Error, OSError) as error:
        why = getattr(error, "strerror", None) or str(error)
        problems.append(f"the source {quote(key)} can't be read: {why}")
        return Shown(key, None)


def _sizes(source: Source) -> dict[str, int]:
    sizes = {}
    for name in source.list_volumes():
        try:
            sizes[name] = source.describe(name).size
        except NotFound:
            continue  # gone since it was listed
        except Dom0Error:
            # It is there, and the next send says what is wrong with it.
            sizes[name] = 0
    return sizes


def _of_qubes(source: QubesSource) -> Shown:
    qubes = tuple(show_qubes(source))
    sizes = {
        f"{qube.name}:{volume.name}": volume.size
        for qube in qubes
        for volume in qube.volumes
    }
    # To list all files for their size would take too long here.
    sizes.update(dict.fromkeys(source.own_names, 0))
    takes_dom0 = not source.own_names or is_ticked(source, ADMIN_QUBE)
    return Shown(source.key, sizes, qubes, takes_dom0)


def _qube(qube: ShownQube) -> QubeRow:
    names = tuple(f"{qube.name}:{each.name}" for each in qube.volumes)
    return QubeRow(
        qube=qube.name,
        klass=qube.klass,
        label=qube.label,
        color=qube.color,
        icon=qube.icon,
        running=qube.running,
        included=qube.included,
        volumes=names,
    )


def _volumes(
    context: Context, shown: Shown, known: list[Known]
) -> list[OverviewRow]:
    here = shown.sizes or {}
    names = {*here, *(name for each in known for name in each.volumes)}
    return [_volume(context, shown, known, name) for name in sorted(names)]


def _volume(
    context: Context, shown: Shown, known: list[Known], name: str
) -> OverviewRow:
    backups = tuple(backup_row(context, shown, each, name) for each in known)
    present = shown.has(name)
    size = (shown.sizes or {}).get(name, 0)
    if not size:
        size = max((each.size for each in backups), default=0)
    return OverviewRow(
        source=shown.key,
        volume=name,
        qube=owner_of(name) if shown.key == KEY else "",
        present=present,
        size=size,
        state=_worst(backups, shown, name),
        backups=backups,
    )


def _worst(backups: tuple[BackupRow, ...], shown: Shown, name: str) -> str:
    """Of those by which it is to be backed up, or else of all."""
    if not backups:
        left_out = owner_of(name) in shown.unticked
        return str((Standing.EXCLUDED if left_out else Standing.NEVER).value)
    counted = [each for each in backups if each.planned] or [*backups]
    states = [each.state for each in counted]
    return next(str(each.value) for each in _WORST if each.value in states)
