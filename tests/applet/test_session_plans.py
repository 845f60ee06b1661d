# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a delete and a restore mean, before anything is done."""

from dataclasses import replace

import pytest

from applet.test_points import parts, row
from wyng_dom0.applet.delete_dialog import freed_text
from wyng_dom0.applet.delete_plan import Range, consequences, ranges_of
from wyng_dom0.applet.points import Subject, points_of
from wyng_dom0.applet.restore_plan import (
    IN_PLACE,
    NEW_QUBE,
    SETTINGS,
    TO_FILE,
    RestoreChoice,
    copy_name,
    needed_bytes,
    result_text,
)

QUBE = Subject("laptop", "work", True, "qubes")
FILE = Subject("laptop", "disk.img", False, "/images")
PRIVATE = parts("work:private", *(row(n) for n in range(5)))
ROOT = parts("work:root", row(0), row(3, sequence=2))
POINTS = points_of([PRIVATE, ROOT])


def test_delete_of_neighbours_is_one_call_a_volume_and_run() -> None:
    volumes = {"work:private": PRIVATE, "work:root": ROOT}
    found = ranges_of(volumes, [POINTS[0], POINTS[1], POINTS[3]])
    names = [p.session for p in POINTS]
    assert found == [
        Range(names[0], names[1], ("work:private",)),
        Range(names[3], names[3], ("work:private",)),
        # Of root nothing lies between the two.
        Range(names[0], names[3], ("work:root",)),
    ]
    words = found[0].words("laptop", dry_run=True)
    assert "--dry-run" in words and words[-2:] == ("--", "work:private")
    assert "--dry-run" not in found[0].words("laptop", dry_run=False)


def test_consequences_say_what_stays_and_why() -> None:
    point = POINTS[0]
    removed = {"volume": "work:private", "session": point.session}
    kept = {"volume": "work:root", "session": point.session, "why": "protected"}
    other = {"volume": "work:root", "session": "x", "why": "not meant"}
    found = consequences(
        [{"removed": [removed], "kept": [kept, other]}],
        [point],
        {("work:private", point.session): 5000},
    )
    assert found.goes == (("work:private", point.session),)
    assert [each[2] for each in found.stays] == ["protected"]
    assert found.freed == 5000 and found.strange == ()
    assert "4.9 KiB" in freed_text(found)


def test_session_that_nobody_chose_is_strange() -> None:
    removed = {"volume": "work:private", "session": "20200101-000000"}
    found = consequences([{"removed": [removed]}], [POINTS[0]], {})
    assert found.strange == (("work:private", "20200101-000000"),)
    assert found.freed is None


@pytest.mark.parametrize(
    "name, good",
    [
        ("work-restored", True),
        ("", False),
        ("1work", False),
        ("a" * 31, True),
        ("a" * 32, False),
        ("dom0", False),
        ("x-dm", False),
        ("a b", False),
        ("--force", False),
        ("wörk", False),
    ],
)
def test_name_of_a_new_qube_is_one_that_qubes_takes(
    name: str, good: bool
) -> None:
    choice = RestoreChoice(QUBE, "s", NEW_QUBE, qube=name)
    assert (choice.fault() == "") is good


def test_name_of_a_copy_can_be_a_qubes_name() -> None:
    for name in ("a", "b" * 31, "work"):
        choice = RestoreChoice(QUBE, "s", NEW_QUBE, qube=copy_name(name))
        assert choice.fault() == "" and choice.qube != name


def test_in_place_waits_for_the_name() -> None:
    choice = RestoreChoice(FILE, "s", IN_PLACE)
    assert choice.fault()
    assert not replace(choice, typed=True).fault()


@pytest.mark.parametrize("path", ["", "relative/x", "taken"])
def test_file_for_a_copy_must_be_whole_and_new(path: str) -> None:
    choice = RestoreChoice(FILE, "s", TO_FILE, path=path)
    assert choice.fault()
    taken = replace(choice, path="/tmp/x", path_is_taken=True)
    assert "already" in taken.fault()
    assert not replace(taken, path_is_taken=False).fault()


def test_copy_never_has_the_words_that_overwrite() -> None:
    for choice in (
        RestoreChoice(FILE, "s", TO_FILE, path="/tmp/x", sparse=True),
        RestoreChoice(QUBE, "s", NEW_QUBE, qube="copy", sparse=True),
        RestoreChoice(QUBE, "s", TO_FILE, part="work:root", path="/tmp/x"),
    ):
        words = choice.words()
        assert not {"--force", "--overwrite", "--sparse"} & set(words)


def test_settings_alone_take_no_room_and_touch_no_data() -> None:
    choice = RestoreChoice(QUBE, "s", IN_PLACE, part=SETTINGS, typed=True)
    assert {"--settings-only", "--overwrite", "--force"} <= set(choice.words())
    assert needed_bytes(POINTS, POINTS[1], ["work:private"], SETTINGS) == 0


def test_one_volume_in_place_leaves_settings_alone() -> None:
    choice = RestoreChoice(
        QUBE, "s", IN_PLACE, part="work:root", typed=True, sparse=True
    )
    words = choice.words()
    assert {"--volume=root", "--data-only", "--sparse"} <= set(words)
    assert words[-2:] == ("--", "work")


def test_room_counts_volumes_that_did_not_change_then() -> None:
    volumes = ["work:private", "work:root"]
    assert needed_bytes(POINTS, POINTS[1], volumes, "*") == 2000
    assert needed_bytes(POINTS, POINTS[1], volumes, "work:root") == 1000


def test_end_says_where_it_is_and_what_was_not_given() -> None:
    choice = RestoreChoice(QUBE, "s", NEW_QUBE, qube="copy")
    report = {
        "kind": "receive",
        "qube": "copy",
        "withheld": ["the tag \u202ex"],
        "failed": [],
    }
    text = result_text(choice, [report])
    assert "copy" in text and "the tag" in text and "\u202e" not in text
    to_file = RestoreChoice(FILE, "s", TO_FILE, path="/tmp/x")
    assert "/tmp/x" in result_text(to_file, [])
