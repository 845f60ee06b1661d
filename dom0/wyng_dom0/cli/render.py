# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""How reports and events look in a terminal: values in, text out.

Pure: prints nothing, asks no clock. Names are shown as they are, for they
were checked to hold nothing a terminal acts on, or quoted.
"""

from collections.abc import Sequence

from wyng_dom0 import events
from wyng_dom0.cli.forms import filled_table, format_minute
from wyng_dom0.cli.forms import format_count as format_count
from wyng_dom0.cli.forms import format_size as format_size
from wyng_dom0.cli.forms import format_table as format_table
from wyng_dom0.cli.forms import format_time as format_time
from wyng_dom0.cli.forms import show as show
from wyng_dom0.cli.render_check import render_check
from wyng_dom0.cli.render_files import render_files
from wyng_dom0.cli.render_history import render_history
from wyng_dom0.cli.render_options import render_options
from wyng_dom0.cli.render_overview import render_overview
from wyng_dom0.cli.render_probe import render_probe
from wyng_dom0.cli.render_requests import render_log, render_requests
from wyng_dom0.cli.render_schedule import render_schedule
from wyng_dom0.cli.render_settings import (
    render_settings,
    render_settings_diff,
)
from wyng_dom0.cli.render_status import render_status
from wyng_dom0.commands import (
    archive_reports,
    file_reports,
    reports,
    request_reports,
    setting_reports,
)
from wyng_dom0.names import one_line

_RANGES_SHOWN = 20


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
        return render_status(report)
    if isinstance(report, archive_reports.HistoryReport):
        return render_history(report)
    if isinstance(report, archive_reports.OptionsReport):
        return render_options(report)
    if isinstance(report, archive_reports.ScheduleReport):
        return render_schedule(report)
    if isinstance(report, reports.OverviewReport):
        return render_overview(report)
    if isinstance(report, reports.DiffReport):
        return _render_diff(report)
    if isinstance(report, setting_reports.SettingsReport):
        return render_settings(report)
    if isinstance(report, setting_reports.SettingsDiffReport):
        return render_settings_diff(report)
    if isinstance(report, file_reports.FilesReport):
        return render_files(report)
    if isinstance(report, reports.MigrationList):
        return _render_migration(report)
    if isinstance(report, reports.ProbeReport):
        return render_probe(report)
    if isinstance(report, reports.CheckReport):
        return render_check(report)
    if isinstance(report, request_reports.RequestList):
        return render_requests(report)
    if isinstance(report, request_reports.RequestLog):
        return render_log(report)
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
            v.proven_session,
            _tags(v.tags, v.pinned),
            v.description,
        )
        for v in report.volumes
    ]
    headings = ("VOLUME", "SIZE", "SESSIONS", "NEWEST", "PROVEN", "TAGS")
    table = filled_table(
        (*headings, "DESCRIPTION"),
        rows,
        "lrr",
        ("PROVEN", "TAGS", "DESCRIPTION"),
    )
    if report.totals is None:
        return table
    return f"{table}\n\n{_render_totals(report.totals, report.head_code)}"


def _render_totals(totals: reports.ArchiveTotals, head_code: str) -> str:
    rows = [
        ("head code", head_code),
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
    shown = ", ".join(tags)
    return f"{shown} (protected)".lstrip() if pinned else shown


def _render_sessions(report: reports.SessionList) -> str:
    if not report.sessions:
        return f"The volume {show(report.volume)} has no sessions."
    # Names follow the clock on the wall, which may not go by their order.
    moved = len({s.time.utcoffset() for s in report.sessions}) > 1
    rows = [
        (
            s.session,
            s.time.strftime("%z") if moved else "",
            format_size(s.size),
            format_size(s.changed),
            format_size(s.unique) if s.unique is not None else "",
            s.state,
            format_minute(s.proven),
            _tags(s.tags, s.pinned),
            "; ".join(filter(None, s.descriptions)),
        )
        for s in report.sessions
    ]
    headings = ("SESSION", "UTC", "SIZE", "CHANGED", "UNIQUE", "STATE")
    optional = ("UTC", "UNIQUE", "PROVEN", "TAGS", "")
    return filled_table(
        (*headings, "PROVEN", "TAGS", ""), rows, "llrrr", optional
    )


def _render_pruned(report: reports.PruneList) -> str:
    verb = "would be removed" if report.dry_run else "removed"
    rows = [_pruned_row(each, "goes") for each in report.removed]
    rows += [_pruned_row(each, "stays") for each in report.kept]
    lines = format_table(("", "VOLUME", "SESSION", "WHY"), rows).splitlines()
    if report.dry_run:
        lines += [f"Would ask first: {each}." for each in report.alarms]
    total = f"{format_count(len(report.removed), 'session')} {verb}"
    if report.freed:
        total += f", {format_size(report.freed)} freed"
    return "\n".join([*lines, total + "."])


def _pruned_row(row: reports.PrunedRow, word: str) -> tuple[str, ...]:
    return (word, show(row.volume), row.session, row.why)


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


def _render_migration(report: reports.MigrationList) -> str:
    rows = [
        (
            show(v.volume),
            format_size(v.size),
            str(v.here),
            str(len(v.coming)),
            v.coming[0] if v.coming else "",
            v.coming[-1] if v.coming else "",
            v.fault,
        )
        for v in report.volumes
    ]
    headings = ("VOLUME", "SIZE", "HERE", "COMING", "FIRST", "LAST", "FAULT")
    table = filled_table(headings, rows, "lrrr", ("FIRST", "LAST", "FAULT"))
    head = f"{show(report.source)}: wyng, {report.format}"
    return f"{head}\n{table}" if table else head


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
        if event.asked_for and not verbose:
            return None
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
