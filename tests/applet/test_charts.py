# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Charts: what they say, their tables, and the window over a real archive."""

import csv
import io
from functools import partial

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QColor, QPalette
from PyQt6.QtWidgets import QAbstractButton
from pytestqt.qtbot import QtBot

from applet.conftest import WAIT
from applet.test_points import parts, row
from applet.windows_rig import (
    Watcher,
    check_plain,
    check_reachable,
    child,
    clipboard,
    label,
    press,
    until,
)
from product.machine import DATA, Machine, Template
from wyng_dom0.applet.bar_chart import BarChart
from wyng_dom0.applet.chart_data import (
    Bar,
    Bars,
    Lines,
    Series,
    by_owner,
    csv_of,
    over_time,
    saved,
    spaces,
)
from wyng_dom0.applet.chart_history import sizes_over_time
from wyng_dom0.applet.chart_painting import brush, colour, pen
from wyng_dom0.applet.charts_window import ChartsWindow
from wyng_dom0.applet.desk import Desk
from wyng_dom0.applet.engine import Engine
from wyng_dom0.applet.line_chart import LineChart

PAGES = ("sizes", "time", "owners", "saved", "spaces")
HOSTILE = "=<b>x</b>\u202e"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    root = tmp_path_factory.mktemp("charts")
    sends = [{"disk": DATA, HOSTILE: DATA}, {"disk": DATA[::-1]}]
    return Template(root, "--encrypt=off", sends=sends)


@pytest.fixture
def machine(template: Template) -> Machine:
    return template.fresh()


def opened(desk: Desk, qtbot: QtBot) -> ChartsWindow:
    window = ChartsWindow(desk, "a")
    window.show()
    until(qtbot, lambda: window.load.parts and not window.load.is_busy)
    return window


# What they say


def test_line_ends_at_all_that_came() -> None:
    volumes = {
        "w:private": parts("w:private", row(0, changed=5), row(2, changed=1)),
        "w:root": parts("w:root", row(1, changed=7)),
        "v:private": parts("v:private", row(1, changed=3)),
    }
    chart = over_time(volumes, qubes=True)
    assert [each.name for each in chart.series] == ["all", "w", "v"]
    assert [each.sizes for each in chart.series] == [
        (5, 15, 16),
        (5, 12, 13),
        (3,),
    ]
    assert all(list(s.at) == sorted(s.at) for s in chart.series)


def test_size_of_the_archive_goes_up_and_down() -> None:
    rows = [
        {"at": "2026-11-01T10:00:00+00:00", "used": 10, "plain": 30},
        {"at": "2026-11-03T10:00:00+00:00", "used": 5, "newest": None},
        {"at": "2026-11-02T10:00:00+00:00", "used": 20, "plain": "x"},
        {"at": "never", "used": 7},
    ]
    taken, plain = sizes_over_time({"sizes": rows}).series
    assert taken.sizes == (10, 20, 5) and plain.sizes == (30,)
    assert sizes_over_time({}) == Lines(())


def test_one_volume_alone_is_drawn_once() -> None:
    assert len(over_time({"a": parts("a", row(0))}, qubes=False).series) == 1
    assert over_time({}, qubes=False) == Lines(())
    assert over_time({"a": []}, qubes=False) == Lines(())


def test_bars_are_of_qubes_and_the_largest_is_first() -> None:
    volumes = {
        "w:private": parts("w:private", row(0, changed=5), row(2, changed=1)),
        "w:root": parts("w:root", row(1, changed=7)),
        "v:private": parts("v:private", row(1, changed=30)),
    }
    rows = [{"name": name, "sessions": 1} for name in volumes]
    chart = by_owner(rows, volumes, qubes=True)
    assert [(b.name, b.parts) for b in chart.bars] == [
        ("v", (30, 0)),
        ("w", (12, 1)),
    ]
    assert len(by_owner(rows, volumes, qubes=False).bars) == 3


def test_saved_is_what_is_not_kept() -> None:
    chart = saved({"logical": 1000, "plain": 400, "live": 100})
    assert chart is not None
    assert [b.parts for b in chart.bars] == [(1000, 0), (400, 600), (100, 900)]
    assert saved({"logical": 1000}) is None and saved({}) is None


POOL = {"pool": "vg/p", "size": 1000, "data_percent": 60}


def test_pool_shows_the_share_of_our_snapshots() -> None:
    pool = {**POOL, "metadata_percent": 40, "snapshots": 150}
    data, metadata = spaces({"pools": [pool]}, "a").bars
    assert data.parts == (15.0, 45.0, None, 40)
    assert metadata.parts == (None, None, 40, 60)


def test_share_that_nobody_knows_is_no_zero() -> None:
    for pool in (POOL, {**POOL, "snapshots": None}):
        chart = spaces({"pools": [pool]}, "a")
        data, metadata = chart.bars
        assert "not known" in data.more and "not tell" in metadata.more
        assert data.parts == (None, None, 60, 40)
        heads, rows = chart.table()
        for each in rows:
            told = dict(zip(heads, each, strict=True))
            assert told["ours (%)"] == told["other (%)"] == ""
            assert told["in use, not told whose (%)"] != ""


def test_table_has_every_number_and_no_formula() -> None:
    chart = Bars(("a", "b"), (Bar('=1+"x",\n', (1, 2.5)), Bar("ok", (3, 4))))
    rows = list(csv.reader(io.StringIO(csv_of(chart.table()))))
    assert rows[0] == ["Name", "a (bytes)", "b (bytes)"]
    assert rows[1] == ['\'=1+"x",\n', "1", "2.5"]
    assert rows[2] == ["ok", "3", "4"]


def test_kinds_differ_without_their_colours() -> None:
    palette, dark = grounds("black", "white"), grounds("white", "black")
    assert len({brush(n, palette).style() for n in range(5)}) == 5
    assert len({pen(n, palette, 2).style() for n in range(5)}) == 5
    for n in range(5):
        assert contrast(colour(n, dark), QColor("black")) > 4.5
        assert contrast(colour(n, palette), QColor("white")) > 4.5


def grounds(text: str, ground: str) -> QPalette:
    palette = QPalette()
    palette.setColor(QPalette.ColorRole.Window, QColor(ground))
    palette.setColor(QPalette.ColorRole.WindowText, QColor(text))
    return palette


def contrast(one: QColor, other: QColor) -> float:
    """As WCAG counts it; 4.5 is what text needs."""

    def light(each: QColor) -> float:
        parts = (each.redF(), each.greenF(), each.blueF())
        r, g, b = (
            c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4
            for c in parts
        )
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)


# Painted and walked through


def test_keys_walk_through_bars(qtbot: QtBot) -> None:
    chart = BarChart("sizes")
    qtbot.addWidget(chart)
    bars = tuple(Bar(f"q{n}", (n, 1)) for n in range(30))
    chart.show_chart(Bars(("old", "new"), bars))
    chart.resize(500, 900)
    blank = chart.grab().toImage()
    seen = []
    chart.chosen.connect(seen.append)
    for key in (Qt.Key.Key_Down, Qt.Key.Key_End, Qt.Key.Key_Up):
        qtbot.keyClick(chart, key)
    assert seen == [0, 29, 28]
    assert chart.accessibleDescription().startswith("q28")
    assert chart.grab().toImage() != blank


def test_keys_walk_along_the_line(qtbot: QtBot) -> None:
    chart = LineChart("sizes")
    qtbot.addWidget(chart)
    chart.resize(600, 300)
    empty = chart.grab().toImage()
    volumes = {"a": parts("a", *(row(n, changed=100) for n in range(50)))}
    chart.show_chart(over_time(volumes, qubes=False))
    before = chart.grab().toImage()
    qtbot.keyClick(chart, Qt.Key.Key_End)
    assert "4.9 KiB" in chart.accessibleDescription()
    assert empty != before and before != chart.grab().toImage()


def test_many_points_are_looked_at_no_oftener_than_few(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: "list[int]" = []
    most = LineChart._most

    def counted(chart: LineChart) -> int:
        asked.append(0)
        return most(chart)

    monkeypatch.setattr(LineChart, "_most", counted)
    chart = LineChart("sizes")
    qtbot.addWidget(chart)
    chart.resize(600, 300)
    counts = []
    for between in (1, 2000):
        at = tuple(n / between for n in range(2 * between + 1))
        chart.show_chart(Lines((Series("all", at, tuple(map(int, at))),)))
        asked.clear()
        chart.grab()
        counts.append(len(asked))
    assert counts[0] == counts[1] > 0


def test_odd_charts_are_painted(qtbot: QtBot) -> None:
    bars, lines = BarChart("x"), LineChart("x")
    for each in (bars, lines):
        qtbot.addWidget(each)
        each.resize(10, 10)
    for chart in (Bars((), ()), Bars(("a",), (Bar("", (0,)),))):
        bars.show_chart(chart)
        bars.grab()
    one = over_time({"a": parts("a", row(0, changed=0))}, qubes=False)
    lines.show_chart(one)
    lines.grab()
    qtbot.keyClick(lines, Qt.Key.Key_Right)
    lines.grab()


# The window


def test_window_shows_an_archive(
    desk: Desk, qtbot: QtBot, machine: Machine
) -> None:
    window = opened(desk, qtbot)
    table = window.by_owner.model
    names = [table.index(at, 0).data() for at in range(table.rowCount())]
    assert names == ["disk", "=<b>x</b>\\u202e"]
    assert table.index(0, 1).data() == str(len(DATA))
    assert window.saved.model.rowCount() == 3
    until(qtbot, lambda: window.spaces.model.rowCount() == 1)
    assert "destination" in window.spaces.model.index(0, 0).data()
    assert window.over_time.model.rowCount() > 3
    assert window.sizes.model.rowCount() > 1
    check_plain(window, "<b>")
    check_reachable(window)
    window.close()


def test_every_button_does_something(
    desk: Desk, qtbot: QtBot, engine: Engine
) -> None:
    window = opened(desk, qtbot)
    until(qtbot, lambda: window.spaces.model.rowCount())
    watcher = Watcher(engine, window, qtbot)
    for at, name in enumerate(PAGES):
        window.tabs.setCurrentIndex(at)
        assert watcher.sees(partial(press, window, f"copy-csv-{name}")), name
        assert len(clipboard().splitlines()) > 1
        assert watcher.sees(partial(press, window, f"as-table-{name}")), name
    assert watcher.sees(partial(press, window, "refresh-charts"))
    until(qtbot, lambda: not window.load.is_busy)
    with qtbot.waitSignal(window.destroyed, timeout=WAIT):
        child(window, QAbstractButton, "close").click()


def test_archive_out_of_reach_is_told_and_pools_are_shown(
    desk: Desk, qtbot: QtBot, machine: Machine
) -> None:
    (machine.backup / "a").rename(machine.backup / "gone")
    window = ChartsWindow(desk, "a")
    qtbot.addWidget(window)
    window.show()
    until(qtbot, lambda: "could not" in label(window, "said"))
    until(qtbot, lambda: window.spaces.model.rowCount() == 1)
