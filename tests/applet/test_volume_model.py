# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The main table: sorted by values, filtered by words, plain in all."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Iterator

import pytest
from PyQt6.QtCore import QSettings, Qt
from PyQt6.QtWidgets import QWidget
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from applet import reports
from applet.reports import HOSTILE, NOW
from wyng_dom0.applet import rows as states
from wyng_dom0.applet.overview import rows_in
from wyng_dom0.applet.rows import Row, archives_of
from wyng_dom0.applet.volume_model import VolumeModel
from wyng_dom0.applet.volume_view import VolumeView

DOWN = Qt.SortOrder.DescendingOrder


@pytest.fixture
def settings(tmp_path: Path) -> QSettings:
    return QSettings(str(tmp_path / "kept.ini"), QSettings.Format.IniFormat)


@pytest.fixture
def view(qtbot: QtBot, settings: QSettings) -> Iterator[VolumeView]:
    parent = QWidget()
    qtbot.addWidget(parent)
    yield VolumeView(VolumeModel(parent), settings, parent)


def show(view: VolumeView, *rows: Row) -> VolumeModel:
    model = view.filter.sourceModel()
    assert isinstance(model, VolumeModel)
    model.show_rows(rows, NOW, qubes=True)
    return model


def names(view: VolumeView) -> "list[str]":
    found = view.filter
    return [found.index(n, 0).data() for n in range(found.rowCount())]


def sort(view: VolumeView, column: str, order: Qt.SortOrder = DOWN) -> None:
    model = view.filter.sourceModel()
    assert isinstance(model, VolumeModel)
    view.sortByColumn(model.column_of(column), order)


EACH = [
    row
    for report in [reports.overview(reports.EACH_STATE)]
    for row in rows_in(report, archives_of(report)[0])
]


def test_model_keeps_the_rules_of_qt(
    view: VolumeView, qtmodeltester: ModelTester
) -> None:
    model = show(view, *EACH)
    qtmodeltester.check(model)
    show(view, *EACH[2:])
    qtmodeltester.check(view.filter)


def test_sizes_and_ages_sort_by_value_and_not_by_text(view: VolumeView) -> None:
    sizes = (5, 900 << 20, 3 << 30, 20 << 40)
    given = [
        Row(
            str(number),
            size=size,
            last=NOW - timedelta(hours=size % 97),
            sent=NOW - timedelta(days=number * 9),
        )
        for number, size in enumerate(sizes)
    ]
    show(view, *given, Row("none"))
    sort(view, "size")
    assert names(view) == ["3", "2", "1", "0", "none"]
    sort(view, "name", Qt.SortOrder.AscendingOrder)
    show(
        view, *(replace(row, name="q" + "9" * n) for n, row in enumerate(given))
    )
    assert names(view) == ["q", "q9", "q99", "q999"]


def test_worst_state_is_at_the_top_at_first(view: VolumeView) -> None:
    show(view, *EACH)
    assert names(view)[:3] == ["mail", "dev", "bank"]
    assert names(view)[-2:] == ["old", "usb"]


def test_selection_stays_with_its_row_through_a_refresh(
    view: VolumeView,
) -> None:
    show(view, *EACH)
    view.select_names({"dev", "usb"})
    assert [row.name for row in view.selected_rows()] == ["dev", "usb"]
    show(view, Row("fresh"), *(row for row in EACH if row.name != "mail"))
    assert {row.name for row in view.selected_rows()} == {"dev", "usb"}


def test_filter_takes_words_of_names_labels_and_states(
    view: VolumeView,
) -> None:
    show(view, *EACH, Row("Work2", label="blue"))
    view.filter.set_words("WORK")
    assert sorted(names(view)) == ["Work2", "work"]
    view.filter.set_words("blue work")
    assert names(view) == ["Work2"]
    view.filter.set_words("never")
    assert names(view) == ["dev"]
    view.filter.set_words("")
    view.filter.set_hidden(frozenset({states.OUT, states.KEPT}))
    assert "old" not in names(view) and "usb" not in names(view)


def test_what_a_qube_is_called_is_shown_plain(view: VolumeView) -> None:
    row = Row(
        HOSTILE,
        (HOSTILE, "b"),
        states.FAILED,
        error=HOSTILE,
        klass=HOSTILE,
        label=HOSTILE,
        color=HOSTILE,
    )
    show(view, row)
    model = view.filter
    for column in range(model.columnCount()):
        index = model.index(0, column)
        text = str(index.data())
        assert "\n" not in text and "\u202e" not in text
        tip = str(index.data(Qt.ItemDataRole.ToolTipRole) or "")
        assert "<b>" not in tip and "<img" not in tip and "\u202e" not in tip


def test_columns_are_remembered(
    view: VolumeView, settings: QSettings, qtbot: QtBot
) -> None:
    model = show(view, *EACH)
    menu = view.columns_menu(view)
    (chosen,) = [a for a in menu.actions() if a.objectName() == "column-size"]
    assert chosen.isChecked()
    chosen.trigger()
    assert view.isColumnHidden(model.column_of("size"))
    view.keep_columns()
    parent = QWidget()
    qtbot.addWidget(parent)
    again = VolumeView(VolumeModel(parent), settings, parent)
    assert again.isColumnHidden(model.column_of("size"))
    assert not again.isColumnHidden(model.column_of("state"))
    assert not again.isColumnHidden(model.column_of("name"))
