# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The timeline: what is close together is one dot, and keys walk along."""

from typing import List

from PyQt6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from applet.test_points import parts, row
from wyng_dom0.applet.points import LIVE, MIXED, Point, points_of
from wyng_dom0.applet.timeline import Timeline
from wyng_dom0.applet.timeline_layout import View, dots, whole_view

CELL = 20.0


def made(count: int, step: int = 1) -> List[Point]:
    rows = [
        row(n * step, state="live" if n % 2 else "clean", changed=n)
        for n in range(count)
    ]
    return points_of([parts("a", *rows)])


def times(points: List[Point]) -> List[float]:
    return [each.time.timestamp() for each in points]


def test_dots_are_as_few_as_have_room_and_count_all() -> None:
    points = made(20_000)
    view = whole_view(times(points), 800)
    shown = dots(points, times(points), view, CELL)
    assert len(shown) <= 800 / CELL + 2
    assert sum(each.count for each in shown) == 20_000
    assert {each.state for each in shown} == {MIXED}


def test_dots_stay_the_same_when_the_view_is_moved() -> None:
    points = made(500)
    view = whole_view(times(points), 800).zoomed(4, times(points)[250])
    before = dots(points, times(points), view, CELL)
    after = dots(points, times(points), view.moved(7000), CELL)
    both = {(d.first, d.last) for d in before} & {
        (d.first, d.last) for d in after
    }
    assert len(both) > len(before) / 2


def test_far_apart_sessions_have_dots_of_their_own() -> None:
    points = made(10)
    view = whole_view(times(points), 800)
    shown = dots(points, times(points), view, CELL)
    assert [each.count for each in shown] == [1] * 10
    assert shown[1].state == LIVE
    assert shown[-1].weight == 1.0 and shown[0].weight == 0.0


def test_view_never_shows_more_than_there_is() -> None:
    whole = View(0, 1000, 100)
    far = View(-5000, -4000, 100).within(whole)
    assert (far.begin, far.end) == (0, 1000)
    wide = whole.zoomed(0.1, 500).within(whole)
    assert (wide.begin, wide.end) == (0, 1000)


def test_keys_walk_and_say_what_they_are_on(qtbot: QtBot) -> None:
    timeline, points = Timeline(), made(5)
    qtbot.addWidget(timeline)
    timeline.resize(900, 120)
    timeline.set_points(points)
    picked: List[Point] = []
    timeline.picked.connect(picked.append)
    for key in (Qt.Key.Key_End, Qt.Key.Key_Left, Qt.Key.Key_Home):
        qtbot.keyClick(timeline, key)
    assert [points.index(each) for each in picked] == [4, 3, 0]
    assert points[0].session in timeline.accessibleDescription()
    with qtbot.waitSignal(timeline.activated):
        qtbot.keyClick(timeline, Qt.Key.Key_Return)


def test_zoom_keys_look_closer_and_back(qtbot: QtBot) -> None:
    timeline = Timeline()
    qtbot.addWidget(timeline)
    timeline.resize(500, 120)
    timeline.set_points(made(2000))
    before = len(timeline.shown_dots)
    counted = sum(each.count for each in timeline.shown_dots)
    qtbot.keyClick(timeline, Qt.Key.Key_Plus)
    assert sum(each.count for each in timeline.shown_dots) < counted
    qtbot.keyClick(timeline, Qt.Key.Key_0)
    assert len(timeline.shown_dots) == before


def test_click_picks_the_newest_of_a_dot(qtbot: QtBot) -> None:
    timeline, points = Timeline(), made(5)
    qtbot.addWidget(timeline)
    timeline.resize(900, 120)
    timeline.set_points(points)
    timeline.show()
    dot = timeline.shown_dots[2]
    at = QPoint(int(dot.x + timeline.fontMetrics().height()), 50)
    qtbot.mouseClick(timeline, Qt.MouseButton.LeftButton, pos=at)
    assert timeline.current_point is points[2]


def test_paints_with_nothing_one_and_many(qtbot: QtBot) -> None:
    timeline = Timeline()
    qtbot.addWidget(timeline)
    timeline.resize(400, 120)
    blank = timeline.grab().toImage()
    timeline.set_points(made(1))
    one = timeline.grab().toImage()
    timeline.set_points(made(3000))
    many = timeline.grab().toImage()
    assert blank != one and one != many


def test_reload_keeps_the_mark(qtbot: QtBot) -> None:
    timeline = Timeline()
    qtbot.addWidget(timeline)
    timeline.set_points(made(5))
    qtbot.keyClick(timeline, Qt.Key.Key_Home)
    timeline.set_points(made(6))
    assert timeline.current_point is not None
    assert timeline.current_point.session == made(1)[0].session
