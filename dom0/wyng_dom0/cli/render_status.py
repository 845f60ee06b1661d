# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""How `status` looks in a terminal: what runs, the archives, what is kept.

Pure, as render is.
"""

from collections.abc import Sequence
from datetime import timedelta

from wyng_dom0.cli.forms import (
    filled_table,
    format_age,
    format_count,
    format_minute,
    format_size,
    format_table,
    format_time,
    show,
)
from wyng_dom0.commands import reports


def render_status(report: reports.StatusReport) -> str:
    """Tables of what there is, a sentence for what there is not."""
    parts = [
        _render_running(report),
        _render_archives(report),
        _render_kept(report),
        _render_requests(report),
        "\n".join(map(_render_leftover, report.leftovers)),
        "\n".join(f"Not told: {each}." for each in report.problems),
    ]
    return "\n\n".join(part for part in parts if part)


def _render_leftover(row: reports.LeftoverRow) -> str:
    name = show(row.name)
    if row.kind == "drill":
        return (
            f"A drill left {name}: the next one removes it, or"
            f" `qvm-wyng delete {name} --clean`."
        )
    if row.kind == "perhaps":
        return (
            f"The qube {name} may be what a killed restore of {show(row.of)}"
            f" began: if it is empty, `qvm-remove {name}` removes it;"
            f" `qvm-wyng delete {name} --clean` leaves it and tells it no more."
        )
    renamed = "" if row.of == row.name else f" --as={name}"
    told = (
        f"The qube {name} is half restored and can't start:"
        f" `qvm-wyng receive {show(row.of)}{renamed} --overwrite` finishes it"
    )
    if row.kind == "made":
        told += f", `qvm-wyng delete {name} --clean` removes it"
    return f"{told}."


def _render_running(report: reports.StatusReport) -> str:
    rows = [
        (
            each.run,
            "paused" if each.paused else "running",
            show(each.archive),
            format_count(len(each.volumes), "volume") if each.volumes else "",
            format_time(each.started),
        )
        for each in report.running
    ]
    headings = ("RUN", "STATE", "ARCHIVE", "ABOUT", "SINCE")
    return format_table(headings, rows) or "Nothing is running."


def _render_requests(report: reports.StatusReport) -> str:
    if not report.requests:
        return ""
    count = format_count(report.requests, "restore")
    return f"Asked for: {count}; `qvm-wyng requests list` shows what waits."


def _render_archives(report: reports.StatusReport) -> str:
    rows = [
        (
            f"{each.name} (default)" if _is_marked(each, report) else each.name,
            _last_send(each),
            format_age(timedelta(seconds=each.every)),
            format_minute(each.next_run),
            format_minute(each.proven),
            _room(each),
            each.last_head or "",
        )
        for each in report.archives
    ]
    headings = (
        *("ARCHIVE", "LAST SEND", "EVERY", "NEXT", "PROVEN"),
        *("FREE THERE", "HEAD"),
    )
    optional = ("NEXT", "PROVEN", "FREE THERE")
    return filled_table(headings, rows, "", optional) or (
        "No archive is known here: arch-init makes one."
    )


def _is_marked(row: reports.ArchiveRow, report: reports.StatusReport) -> bool:
    """Of several, which is meant where none is named."""
    return row.default and len(report.archives) > 1


def _last_send(row: reports.ArchiveRow) -> str:
    when = format_minute(row.last_send) or "never"
    return f"{when}, OVERDUE" if row.overdue else when


def _room(row: reports.ArchiveRow) -> str:
    if row.space is None:
        return ""
    return f"{format_size(row.space.free)} of {format_size(row.space.total)}"


def _render_kept(report: reports.StatusReport) -> str:
    if not report.volumes:
        if report.problems or not report.archives:
            return ""
        return "No snapshots or ledgers are kept of volumes."
    rows = [
        (
            show(each.volume) if first else "",
            _age(each) if first else "",
            _cost(each) if first else "",
            ledger.archive,
            "everything" if ledger.everything else format_size(ledger.changed),
        )
        for each in report.volumes
        for first, ledger in _ledgers(each)
    ]
    headings = ("VOLUME", "SNAPSHOT", "HOLDS", "ARCHIVE", "TO SEND")
    pools = [
        f"{show(pool.pool)}: {pool.data_percent} % of"
        f" {format_size(pool.size)} in use"
        + (
            f", {pool.metadata_percent} % of its metadata"
            if pool.metadata_percent
            else ""
        )
        for pool in report.pools
    ]
    return "\n".join([format_table(headings, rows, "lrrlr"), *pools])


def _ledgers(
    row: reports.KeptRow,
) -> Sequence[tuple[bool, reports.LedgerRow]]:
    """The ledgers, with whether it is the volume's first line."""
    none = reports.LedgerRow("", 0, False)
    return [(at == 0, led) for at, led in enumerate(row.ledgers or (none,))]


def _age(row: reports.KeptRow) -> str:
    if not row.snapshot:
        return "none"
    if not row.present:
        return "gone"
    return f"{format_age(timedelta(seconds=row.age_seconds))} old"


def _cost(row: reports.KeptRow) -> str:
    return "" if row.cost is None else format_size(row.cost)
