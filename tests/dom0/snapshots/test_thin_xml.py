# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What thin_delta and thin_dump print is read whole, or not believed."""

from collections.abc import Iterator

import pytest

from wyng_dom0.snapshots.driver import CannotTell
from wyng_dom0.snapshots.thin_xml import (
    Run,
    changed_ranges,
    mapped_ranges,
    merged,
    parse_delta,
    parse_dump,
)

BLOCK = 65536
# As thin_delta 0.9.0 prints it.
OLD = b"""<superblock uuid="" time="1" transaction="2" data_block_size="128" \
nr_data_blocks="200">
  <diff left="1" right="2">
    <right_only begin="5" length="2"/>
    <same begin="10" length="5"/>
    <different begin="15" length="1"/>
    <left_only begin="70" length="1"/>
  </diff>
</superblock>
"""
# As 1.x prints it: more attributes, no indentation to rely on.
NEW = b"""<superblock uuid="" time="1" transaction="2" version="2" \
data_block_size="128" nr_data_blocks="200"><diff left="1" right="2">
<right_only begin="5" length="2"/><same begin="10" length="5"/>\
<different begin="15" length="1"/><left_only begin="70" length="1"/>
</diff></superblock>"""
RUNS = [
    Run("right_only", 5, 2),
    Run("same", 10, 5),
    Run("different", 15, 1),
    Run("left_only", 70, 1),
]
DUMP = b"""<superblock uuid="" time="1" transaction="2" version="2" \
data_block_size="128" nr_data_blocks="200">
  <device dev_id="2" mapped_blocks="7" transaction="0" creation_time="0" \
snap_time="1">
    <range_mapping origin_begin="5" data_begin="100" length="2" time="0"/>
    <single_mapping origin_block="7" data_block="110" time="0"/>
    <range_mapping origin_begin="16" data_begin="6" length="4" time="1"/>
  </device>
</superblock>
"""


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


def delta(data: bytes, size: int = 1 << 16) -> list[Run]:
    return list(parse_delta(pieces(data, size), BLOCK, 1, 2))


@pytest.mark.parametrize("data", [OLD, NEW], ids=["0.9", "1.x"])
@pytest.mark.parametrize("size", [1, 7, 65536])
def test_both_versions_are_read_in_any_pieces(data: bytes, size: int) -> None:
    assert delta(data, size) == RUNS


def test_volumes_without_a_block_differ_nowhere() -> None:
    empty = OLD.split(b"    <right")[0] + b"  </diff>\n</superblock>\n"
    assert delta(empty) == []


@pytest.mark.parametrize("cut", range(0, len(OLD) - 2, 9))
def test_cut_output_is_not_believed(cut: int) -> None:
    with pytest.raises(CannotTell):
        delta(OLD[:cut])


@pytest.mark.parametrize(
    "old, new",
    [
        (b'length="5"', b'length="0"'),
        (b'length="5"', b'length="-5"'),
        (b'length="5"', b'length="5.0"'),
        (b'length="5"', b'length="\xc2\xb2"'),
        (b'length="5"', b'length="99999999999999999999"'),
        (b'length="5"', b'length="140737488355328"'),
        (b'length="5"', b'size="5"'),
        (b'begin="10"', b'begin="6"'),
        (b'begin="15"', b'begin="12"'),
        (b'begin="70"', b'begin="999999999999999999999999"'),
        (b'data_block_size="128"', b'data_block_size="256"'),
        (b'data_block_size="128"', b""),
        (b'left="1"', b'left="3"'),
        (b'right="2"', b'right="1"'),
        (b"<same", b"<Same"),
        (b"<same", b"<unknown"),
        (b"superblock", b"superbloc"),
        (b"<superblock uuid", b"<!DOCTYPE a><superblock uuid"),
        (b"<diff", b"<same begin='1' length='1'/><diff"),
        (b"</superblock>", b'<diff left="1" right="2"></diff></superblock>'),
        (b"</superblock>\n", b"</superblock>\n<superblock/>"),
    ],
)
def test_absurd_output_is_not_believed(old: bytes, new: bytes) -> None:
    assert old in OLD
    with pytest.raises(CannotTell) as caught:
        delta(OLD.replace(old, new, 2))
    assert "\n" not in str(caught.value)


def test_no_diff_is_no_answer() -> None:
    with pytest.raises(CannotTell):
        delta(b'<superblock data_block_size="128"></superblock>')


def test_mapped_blocks_are_read() -> None:
    runs = list(parse_dump([DUMP], BLOCK, 2))
    ranges = list(mapped_ranges(runs, BLOCK, 18 * BLOCK))
    assert ranges == [(5 * BLOCK, 3 * BLOCK), (16 * BLOCK, 2 * BLOCK)]


@pytest.mark.parametrize(
    "old, new",
    [
        (b'dev_id="2"', b'dev_id="1"'),
        (b"<single_mapping", b"<ref"),
        (b'origin_begin="16"', b'origin_begin="7"'),
        (b"</device>\n</superblock>", b""),
    ],
)
def test_odd_dump_is_not_believed(old: bytes, new: bytes) -> None:
    assert old in DUMP
    with pytest.raises(CannotTell):
        list(parse_dump([DUMP.replace(old, new)], BLOCK, 2))


def test_every_kind_but_same_is_a_change() -> None:
    ranges = list(changed_ranges(RUNS, BLOCK, 100 * BLOCK, 100 * BLOCK))
    assert ranges == [
        (5 * BLOCK, 2 * BLOCK),
        (15 * BLOCK, BLOCK),
        (70 * BLOCK, BLOCK),
    ]


@pytest.mark.parametrize("old, new", [(12, 100), (100, 12)])
def test_same_blocks_past_the_smaller_end_differ(old: int, new: int) -> None:
    runs = [Run("same", 0, 20), Run("same", 30, 5)]
    ranges = list(changed_ranges(runs, BLOCK, old * BLOCK, new * BLOCK))
    assert ranges == [(12 * BLOCK, 8 * BLOCK), (30 * BLOCK, 5 * BLOCK)]


def test_end_within_a_block_makes_all_of_it_differ() -> None:
    runs = [Run("same", 0, 20)]
    ranges = list(changed_ranges(runs, BLOCK, 2 * BLOCK + 5, 4 * BLOCK))
    assert ranges == [(2 * BLOCK, 2 * BLOCK)]


def test_ranges_end_at_the_size_and_touching_ones_are_one() -> None:
    given = [(0, 5), (5, 5), (20, 100), (200, 5)]
    assert list(merged(given, 50)) == [(0, 10), (20, 30)]
    assert list(merged([(7, 1)], 7)) == []
    assert list(merged([], 7)) == []
