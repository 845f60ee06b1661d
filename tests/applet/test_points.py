# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Points in time of a qube, made of what the engine says of its volumes."""

from datetime import datetime, timedelta, timezone
from typing import Any, Dict, List

from wyng_dom0.applet.points import (
    ALL,
    MIXED,
    SOME,
    Part,
    Subject,
    parts_of,
    points_of,
    runs_of,
    standing,
    subject_of,
)

START = datetime(2026, 11, 1, 10, tzinfo=timezone.utc)


def row(hour: int, **values: Any) -> Dict[str, Any]:
    """A session that many hours after START, as `list` tells it."""
    time = START + timedelta(hours=hour)
    return {
        "session": f"{time:%Y%m%d-%H%M%S}",
        "sequence": hour + 1,
        "time": time.isoformat(),
        "size": 1000,
        "changed": 10,
        "state": "clean",
        **values,
    }


def parts(volume: str, *rows: Dict[str, Any]) -> List[Part]:
    return parts_of({"volume": volume, "sessions": list(rows)})


def test_volumes_sent_together_are_one_point() -> None:
    points = points_of(
        [
            parts("w:private", row(0), row(1, state="live"), row(2)),
            parts("w:root", row(0), row(2, pinned=True)),
        ]
    )
    assert [each.volumes for each in points] == [
        ("w:private", "w:root"),
        ("w:private",),
        ("w:private", "w:root"),
    ]
    assert (points[0].size, points[0].changed) == (2000, 20)
    assert points[2].pinned == SOME and points[1].state == "live"


def test_point_is_proven_when_all_of_it_is() -> None:
    early, late = "2026-11-02T00:00:00+00:00", "2026-11-03T00:00:00+00:00"
    private = parts("w:private", row(0, proven=late), row(1, proven=late))
    root = parts("w:root", row(0, proven=early), row(1))
    both, one = points_of([private, root])
    assert both.proven is not None and both.proven.day == 2
    assert one.proven is None


def test_states_that_differ_are_mixed() -> None:
    (only,) = points_of(
        [parts("w:a", row(0)), parts("w:b", row(0, state="live", pinned=True))]
    )
    assert only.state == MIXED and only.pinned == SOME
    (one,) = points_of([parts("a", row(0, pinned=True))])
    assert one.pinned == ALL


def test_order_of_one_volume_is_that_of_its_sequence() -> None:
    """A clock that was set back changes nothing."""
    found = parts("a", row(5, sequence=1), row(3, sequence=2))
    points = points_of([found])
    assert [each.parts[0].sequence for each in points] == [1, 2]


def test_volume_that_did_not_change_stands_as_before() -> None:
    points = points_of(
        [
            parts("w:private", row(1), row(2), row(3)),
            parts("w:root", row(2, sequence=1)),
        ]
    )
    assert standing(points, points[0], "w:root") is None
    found = standing(points, points[2], "w:root")
    assert found is not None and found.session == points[1].session


def test_range_means_the_chosen_and_no_others() -> None:
    found = parts("a", *(row(n) for n in range(6)))
    ends = runs_of(found, [1, 2, 4, 6])
    assert [(a.sequence, b.sequence) for a, b in ends] == [
        (1, 2),
        (4, 4),
        (6, 6),
    ]


def test_qube_is_meant_only_where_the_source_are_qubes() -> None:
    status = {
        "archives": [
            {"name": "q", "source": "qubes"},
            {"name": "d", "source": "/images"},
        ]
    }
    qube = subject_of(status, "q", "work:private")
    assert qube.is_qube and qube.name == "work"
    assert qube.has("work:root") and not qube.has("workshop:private")
    plain = subject_of(status, "d", "odd:name")
    assert plain.name == "odd:name" and not plain.is_qube
    assert subject_of({}, "d", "a") == Subject("d", "a")


def test_nonsense_gives_points_without_it() -> None:
    report: Dict[str, Any] = {
        "volume": 5,
        "sessions": [
            {"session": ["x"], "time": "never", "size": "big", "tags": [1]},
            "no object",
            {"tags": ["a", "b"], "descriptions": ["only one"]},
        ],
    }
    found = points_of([parts_of(report)])
    assert [each.size for each in found] == [0]
    assert len(parts_of(report)) == 2
