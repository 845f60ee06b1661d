# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""How reports and events look in a terminal: values in, text out.

Pure: prints nothing, asks no clock. Names are shown as they are, for they
were checked to hold nothing a terminal acts on, or quoted.
"""

from collections.abc import Sequence
from datetime import datetime

from wyng_dom0 import events
from wyng_dom0.commands import reports
from wyng_dom0.names import one_line, quote

_RANGES_SHOWN = 20
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def format_size(size: int) -> str:
    """Three digits that count: `0 bytes`, `1.50 KiB`, `12.3 GiB`."""
    value, unit = float(size), 0
    while value >= 1023.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    if unit == 0:
        return f"{size} bytes"
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{digits}f} {_UNITS[unit]}"


def format_time(moment: datetime | None) -> str:
    """The wall clock where it was, with its offset from UTC."""
    if moment is None:
        return ""
    return moment.strftime("%Y-%m-%d %H:%M:%S %z")


def format_table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], right: str = ""
) -> str:
    """Columns two spaces apart; `right` has r for each right-bound column.

    No space ends a line. "" for no rows.
    """
    if not rows:
        return ""
    lines = [list(headings), *map(list, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(headings))]
    sides = right.ljust(len(widths), "l")
    return "\n".join(
        "  ".join(
            cell.rjust(width) if side == "r" else cell.ljust(width)
            for cell, width, side in zip(line, widths, sides, strict=True)
        ).rstrip()
        for line in lines
    )


def format_count(number: int, noun: str) -> str:
    """`1 session`, `2 sessions`."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def show(name: str) -> str:
    """A name fit for a terminal: plain where it can be, else escaped."""
    quoted = quote(name)[1:-1]
    return name if quoted == name else quote(name)


def render_report(report: reports.Report) -> str:
    """What a terminal shows of a report, without the last line's end."""
    if isinstance(report, reports.Said):
        return report.text
    if isinstance(report, reports.RunTold):
        return _render_told(report)
    if isinstance(report, reports.VolumeList):
        return _render_volumes(report)
    if isinstance(report, reports.SessionList):
        return _render_sessions(report)
    if isinstance(report, reports.StatusReport):
        return _render_status(report)
    if isinstance(report, reports.DiffReport):
        return _render_diff(report)
    return _render_pruned(report)


def _render_volumes(report: reports.VolumeList) -> str:
    if not report.volumes:
        return f"The archive {report.archive} has no volumes."
    rows = [
        (
            show(v.name),
            format_size(v.size) if v.sessions else "",
            str(v.sessions),
            v.newest,
            _tags(v.tags, v.pinned),
            v.description,
        )
        for v in report.volumes
    ]
    headings = ("VOLUME", "SIZE", "SESSIONS", "NEWEST", "TAGS", "DESCRIPTION")
    table = _filled(headings, rows, "lrr", ("TAGS", "DESCRIPTION"))
    if report.totals is None:
        return table
    return f"{table}\n\n{_render_totals(report.totals)}"


def _render_totals(totals: reports.ArchiveTotals) -> str:
    rows = [
        ("sessions", str(totals.sessions)),
        ("bytes of all sessions", format_size(totals.logical)),
        ("stored", format_size(totals.stored)),
        ("in use", format_size(totals.live)),
        ("reclaimable", format_size(totals.reclaimable)),
        ("waiting for a commit", format_size(totals.staged)),
        ("free where it lies", format_size(totals.free)),
        ("deduplication, about", f"{totals.dedup_ratio:.2f}"),
        ("compression, about", f"{totals.compression_ratio:.2f}"),
    ]
    return format_table(("ARCHIVE", ""), rows, "lr")


def _tags(tags: Sequence[str], pinned: bool) -> str:
    return ", ".join(tags) + (" (protected)" if pinned else "")


def _filled(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: str,
    optional: Sequence[str],
) -> str:
    """A table without those optional columns that nothing stands in."""
    kept = [
        at
        for at, heading in enumerate(headings)
        if heading not in optional or any(row[at] for row in rows)
    ]
    sides = right.ljust(len(headings), "l")
    return format_table(
        [headings[at] for at in kept],
        [[row[at] for at in kept] for row in rows],
        "".join(sides[at] for at in kept),
    )


def _render_sessions(report: reports.SessionList) -> str:
    if not report.sessions:
        return f"The volume {show(report.volume)} has no sessions."
    rows = [
        (
            s.session,
            format_size(s.size),
            format_size(s.changed),
            format_size(s.unique) if s.unique is not None else "",
            s.state,
            _tags(s.tags, s.pinned),
            "; ".join(filter(None, s.descriptions)),
        )
        for s in report.sessions
    ]
    headings = ("SESSION", "SIZE", "CHANGED", "UNIQUE", "STATE", "TAGS", "")
    return _filled(headings, rows, "lrrr", ("UNIQUE", ""))


def _render_pruned(report: reports.PruneList) -> str:
    verb = "would be removed" if report.dry_run else "removed"
    rows = [_pruned_row(each, "goes") for each in report.removed]
    if report.dry_run:
        rows += [_pruned_row(each, "stays") for each in report.kept]
    lines = format_table(("", "VOLUME", "SESSION", "WHY"), rows).splitlines()
    lines += [f"Would ask first: {each}." for each in report.alarms]
    total = f"{format_count(len(report.removed), 'session')} {verb}"
    if report.freed:
        total += f", {format_size(report.freed)} freed"
    return "\n".join([*lines, total + "."])


def _pruned_row(row: reports.PrunedRow, word: str) -> tuple[str, ...]:
    return (word, show(row.volume), row.session, row.why)


def _render_status(report: reports.StatusReport) -> str:
    if not report.volumes:
        return f"Nothing is kept of volumes in {show(report.source)}."
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
    for seconds, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if row.age_seconds >= 2 * seconds:
            return f"{row.age_seconds // seconds} {unit} old"
    return f"{row.age_seconds} s old"


def _cost(row: reports.KeptRow) -> str:
    return "" if row.cost is None else format_size(row.cost)


def _render_diff(report: reports.DiffReport) -> str:
    sides = f"{show(report.volume)}: {report.older} and {report.newer}"
    if report.same:
        return f"{sides} are the same."
    lines = [f"{sides} differ."]
    if report.older_size != report.newer_size:
        lines.append(
            f"Sizes: {report.older_size} and {report.newer_size} bytes."
        )
    if report.different_bytes:
        what = "bytes in chunks that differ" if report.whole_chunks else "bytes"
        lines.append(
            f"{report.different_bytes} {what},"
            f" in {format_count(report.different_ranges, 'range')}:"
        )
    for offset, length in report.ranges[:_RANGES_SHOWN]:
        lines.append(f"  {length} bytes at {offset}")
    more = report.different_ranges - _RANGES_SHOWN
    if more > 0:
        lines.append(f"  and {format_count(more, 'range')} more")
    return "\n".join(lines)


def _render_told(report: reports.RunTold) -> str:
    """One line, or "" for what is worth none."""
    event = events.from_dict(report.told)
    line = None
    if event is not None:
        line = _render_seen(event)
    elif report.told.get("event") == "error":
        line = f"ended: {report.told.get('text')}"
    elif report.told.get("event") == "run-left":
        line = "is over"
    return f"{report.run}: {one_line(line)}" if line else ""


def _render_seen(event: events.Event) -> str | None:
    """As render_event, with what the run's own terminal shows elsewhere."""
    if isinstance(event, events.RunStarted):
        count = format_count(len(event.volumes), "volume")
        return f"{event.command} of {count}, {event.archive or 'no archive'}"
    if isinstance(event, events.Overall):
        return _render_overall(event)
    if isinstance(event, events.Warning_):
        return f"warning: {event.text}"
    return render_event(event, verbose=1)


def _render_overall(event: events.Overall) -> str | None:
    if not event.total_bytes:
        return None
    percent = 100 * event.done_bytes // event.total_bytes
    return (
        f"{percent} % of {format_size(event.total_bytes)},"
        f" {event.volumes_done} of"
        f" {format_count(event.volumes_total, 'volume')} done"
    )


def render_event(event: events.Event, verbose: int = 0) -> str | None:
    """The line an event is worth on standard output, or None.

    Warnings are not among them: they go to standard error, see progress.
    """
    if isinstance(event, events.VolumeDone):
        return _render_done(event)
    if isinstance(event, events.Notice):
        return event.text
    if isinstance(event, events.RunDone):
        return _render_end(event)
    if isinstance(event, events.VolumeSkipped):
        return f"{show(event.volume)} is passed over: {event.why}"
    if isinstance(event, events.Paused):
        return f"Paused; `qvm-wyng resume {event.run}` lets it go on."
    if isinstance(event, events.Resumed):
        return "Resumed."
    if verbose and isinstance(event, events.VolumeStarted):
        return f"{show(event.volume)}: {format_size(event.total_bytes)}"
    return None


def _render_done(event: events.VolumeDone) -> str:
    name = show(event.volume)
    if event.error is not None:
        return f"{name}: FAILED: {event.error}"
    if not event.changed:
        return f"{name}: no change"
    parts = [event.session or "done"]
    if event.changed_bytes:
        parts.append(f"{format_size(event.changed_bytes)} changed")
    if event.sent_bytes:
        parts.append(f"{format_size(event.sent_bytes)} sent")
    if not event.point_in_time:
        parts.append("not point-in-time")
    return f"{name}: {', '.join(parts)}"


def _render_end(event: events.RunDone) -> str | None:
    return f"Head code: {event.head_code}" if event.head_code else None
