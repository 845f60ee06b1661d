# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""doc/interfaces.md tells all that --json says, and nothing else."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from wyng_dom0 import events
from wyng_dom0.cli.command_table import COMMANDS, LASTING
from wyng_dom0.cli.failures import error_object
from wyng_dom0.cli.progress import report_to_dict
from wyng_dom0.commands import (
    archive_reports,
    file_reports,
    reports,
    request_reports,
    setting_reports,
    steer,
)
from wyng_dom0.engine.standing import Standing
from wyng_dom0.runs.sharing import COMMANDS as WORDS

TEXT = (Path(__file__).parents[3] / "doc" / "interfaces.md").read_text("utf-8")
REPORTS = {
    "status": reports.StatusReport((), (), (), (), 0, ()),
    "overview": reports.OverviewReport((), (), (), (), ()),
    "schedule": archive_reports.ScheduleReport(
        *("a", True, True, "daily", None, True, False, True, True)
    ),
    "configure": archive_reports.OptionsReport("a", False, False, ()),
    "history": archive_reports.HistoryReport("a", ()),
    "volumes": reports.VolumeList("a", ()),
    "sessions": reports.SessionList("a", "v", ()),
    "pruned": reports.PruneList("a", ()),
    "migration": reports.MigrationList("a", "s", "f", ()),
    "check": reports.CheckReport("a", False, True, 1, 1, 1, 1, 0, 0, 0),
    "probe": reports.ProbeReport(False),
    "settings": setting_reports.SettingsReport("a", "q", "s", ()),
    "settings-diff": setting_reports.SettingsDiffReport(
        "a", "q", "s", "n", True, ()
    ),
    "files": file_reports.FilesReport("a", "v", "s", "", 0, 0, False),
    "requests": request_reports.RequestList((), ()),
    "request-log": request_reports.RequestLog(()),
    "diff": reports.DiffReport("a", "v", "x", "y", 1, 1, True, 0, 0, False),
}
ROWS: "dict[tuple[str, str], type]" = {
    ("dom0's own files", "differing"): file_reports.FileRow,
    ("arch-check", "hurt"): reports.HurtRow,
    ("settings", "settings"): setting_reports.SettingRow,
    ("settings", "changes"): setting_reports.SettingChangeRow,
    ("status", "archives"): reports.ArchiveRow,
    ("status", "space"): reports.SpaceRow,
    ("status", "running"): reports.RunningRow,
    ("status", "volumes"): reports.KeptRow,
    ("status", "ledgers"): reports.LedgerRow,
    ("status", "pools"): reports.PoolRow,
    ("status", "leftovers"): reports.LeftoverRow,
    ("configure", "options"): archive_reports.StandingRow,
    ("history", "sizes"): archive_reports.SizeRow,
    ("overview", "seen"): reports.SeenRow,
    ("overview", "qubes"): reports.QubeRow,
    ("overview", "volumes"): reports.OverviewRow,
    ("overview", "backups"): reports.BackupRow,
    ("list", "volumes"): reports.VolumeRow,
    ("list", "sessions"): reports.SessionRow,
    ("list", "totals"): reports.ArchiveTotals,
    ("list", "removed"): reports.PrunedRow,
    ("requests", "requests"): request_reports.RequestRow,
    ("requests", "allowed"): request_reports.AllowedRow,
    ("requests", "entries"): request_reports.LogRow,
    ("migrate", "volumes"): reports.ForeignRow,
    ("probe", "destination"): reports.PlaceRow,
    ("probe", "source"): reports.SourceRow,
    ("probe", "volumes"): reports.SourceVolumeRow,
}


def table(heading: str) -> "dict[str, list[str]]":
    """First word of each row below a heading -> its fields, in order."""
    text = TEXT.split(f"# {heading}\n", 1)[1]
    text = re.split(r"^##", text, maxsplit=1, flags=re.M)[0]
    rows = {}
    for line in text.splitlines():
        cells = [re.findall(r"`([^`]+)`", cell) for cell in line.split("|")]
        if line.startswith("| `"):
            rows[cells[1][0]] = cells[-2]
    return rows


def names(kind: type) -> "list[str]":
    return [field.name for field in fields(kind)]


def test_every_event_is_told_with_its_fields() -> None:
    told = table("Events")
    assert told.pop("error") == list(error_object(ValueError()))[1:]
    assert told == {name: names(kind) for kind, name in events._NAMES.items()}


def test_every_state_of_a_volume_is_told() -> None:
    told = re.split("^\\| state ", TEXT, flags=re.M)[1].split("\n\n")[0]
    states = re.findall(r"^\| `([a-z]+)` ", told, re.M)
    assert sorted(states) == sorted(each.value for each in Standing)


@pytest.mark.parametrize("kind", REPORTS)
def test_every_report_is_told_with_its_fields(kind: str) -> None:
    said = list(report_to_dict(REPORTS[kind]))
    assert said[0] == "kind" and table("Reports")[kind] == said[1:]


@pytest.mark.parametrize("heading, row", ROWS)
def test_every_row_is_told_with_its_fields(heading: str, row: str) -> None:
    assert table(heading)[row] == names(ROWS[heading, row])


def test_no_kind_of_report_is_left_out() -> None:
    told = {type(each) for each in REPORTS.values()} | set(ROWS.values())
    all_kinds = {
        kind
        for module in (
            reports,
            archive_reports,
            file_reports,
            request_reports,
            setting_reports,
        )
        for kind in vars(module).values()
        if isinstance(kind, type) and kind.__module__ == module.__name__
    }
    untold = all_kinds - told - {reports.Said, reports.RunTold}
    assert untold == set(), "doc/interfaces.md and REPORTS or ROWS lack it"
    assert set(table("Reports")) == set(REPORTS)


def test_every_command_that_is_a_run_is_named() -> None:
    listed = TEXT.split("## Runs\n", 1)[1].split(", whoever", 1)[0]
    named = set(re.findall(r"`([a-z-]+)`", listed))
    assert named == LASTING and "send" in COMMANDS


def test_every_word_and_state_of_a_run_is_named() -> None:
    text = TEXT.split("## Runs\n", 1)[1].split("\n## ", 1)[0]
    for word in (*WORDS, *steer._SENTENCES):
        assert f"`{word}`" in text, word
