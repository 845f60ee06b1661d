# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What LVM and device-mapper say, as captured from their programs."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from wyng_dom0.errors import BadInput, NotFound, SourceError
from wyng_dom0.snapshots import device_mapper
from wyng_dom0.snapshots.commands import ToolFailed, ToolMissing, run_tool
from wyng_dom0.snapshots.device_mapper import PoolStatus, parse_status
from wyng_dom0.snapshots.lvm_listing import (
    check_pool,
    is_lvm_name,
    list_group,
    parse_lvs,
    split_pool,
)
from wyng_dom0.snapshots.metadata_snapshot import Note, parse_note
from wyng_dom0.snapshots.thin_volumes import snapshot_name

# lvs 2.03.16; the last volume is no thin one.
LVS = """
  {
      "report": [
          {
              "lv": [
                  {"vg_name":"qubes_dom0", "lv_name":"vm-pool",
 "lv_uuid":"3tGFzN-0aTA-WQ3N-qFZi-lhtf-RG5a-1AsYdL", "origin":"",
 "origin_uuid":"", "pool_lv":"", "thin_id":"", "lv_size":"419430400",
 "lv_attr":"twi-aotz--", "lv_tags":""},
                  {"vg_name":"qubes_dom0", "lv_name":"vm-work-private",
 "lv_uuid":"Xtg6Lr-Wz5t-R1Vd-PUMi-MBmr-qZ8O-mZLiPn", "origin":"",
 "origin_uuid":"", "pool_lv":"vm-pool", "thin_id":"3", "lv_size":"8388608",
 "lv_attr":"Vwi-aotz--", "lv_tags":"a,b"},
                  {"vg_name":"qubes_dom0",
 "lv_name":"vm-work-private.wyng-0a1b2c3d",
 "lv_uuid":"Aug6Lr-Wz5t-R1Vd-PUMi-MBmr-qZ8O-mZLiPn",
 "origin":"vm-work-private",
 "origin_uuid":"Xtg6Lr-Wz5t-R1Vd-PUMi-MBmr-qZ8O-mZLiPn",
 "pool_lv":"vm-pool", "thin_id":"4", "lv_size":"8388608",
 "lv_attr":"Vri-a-tz--", "lv_tags":"qvm-wyng"},
                  {"vg_name":"qubes_dom0", "lv_name":"swap",
 "lv_uuid":"Bug6Lr-Wz5t-R1Vd-PUMi-MBmr-qZ8O-mZLiPn", "origin":"",
 "origin_uuid":"", "pool_lv":"", "thin_id":"", "lv_size":"4194304",
 "lv_attr":"-wi-ao----", "lv_tags":"qvm-wyng"}
              ]
          }
      ]
  }
"""


def test_volumes_are_read_with_what_they_are() -> None:
    swap, pool, work, snapshot = parse_lvs(LVS)
    assert pool.is_thin_pool and not pool.is_thin
    assert work.is_thin and work.is_open and not work.is_own
    assert work.tags == {"a", "b"} and work.thin_id == 3
    assert snapshot.is_own and not snapshot.is_open
    assert snapshot.origin_uuid == work.uuid
    assert snapshot.place == "qubes_dom0/vm-work-private.wyng-0a1b2c3d"
    # Our tag on what is no thin volume is not ours.
    assert not swap.is_own and not swap.is_thin


def test_numbers_and_lists_of_newer_versions_are_read() -> None:
    report = json.loads(LVS)
    for row in report["report"][0]["lv"]:
        row["lv_size"] = int(row["lv_size"])
        row["thin_id"] = int(row["thin_id"]) if row["thin_id"] else None
        row["lv_tags"] = [t for t in row["lv_tags"].split(",") if t]
    assert parse_lvs(json.dumps(report)) == parse_lvs(LVS)


@pytest.mark.parametrize(
    "text",
    [
        "",
        LVS[:300],
        "[]",
        '{"report": [{"lv": [{}]}]}',
        LVS.replace('"8388608"', '"many"'),
        LVS.replace('"8388608"', '"-1"'),
        LVS.replace('"8388608"', '"99999999999999999999"'),
        LVS.replace('"lv_name":"swap"', '"lv_name":"../swap"'),
        "[" * 100_000,
    ],
)
def test_odd_listing_is_not_believed(text: str) -> None:
    with pytest.raises(SourceError):
        parse_lvs(text)


def test_what_is_no_pool_is_refused_by_name() -> None:
    volumes = parse_lvs(LVS)
    check_pool(volumes, "qubes_dom0", "vm-pool")
    with pytest.raises(NotFound, match="no thin pool qubes_dom0/other"):
        check_pool(volumes, "qubes_dom0", "other")
    with pytest.raises(BadInput, match="qubes_dom0/swap is not a thin pool"):
        check_pool(volumes, "qubes_dom0", "swap")


@pytest.mark.parametrize(
    "pool", ["", "vg", "vg/", "/pool", "a/b/c", "-v/p", "v/..", "v/p q", "v/é"]
)
def test_what_is_no_pools_name_is_refused(pool: str) -> None:
    with pytest.raises(BadInput):
        split_pool(pool)


def test_names_of_lvm() -> None:
    assert is_lvm_name("vm-sys-net-private.wyng-00ff")
    assert not is_lvm_name("a" * 128)
    assert not is_lvm_name("-a") and not is_lvm_name("a/b")


@pytest.mark.parametrize(
    "vg, lv, name",
    [
        ("vg", "lv", "vg-lv"),
        ("g-1", "vm-a-private", "g--1-vm--a--private"),
        ("a", "b-", "a-b--"),
        ("a-", "b", "a---b"),
    ],
)
def test_mapper_names_go_there_and_back(vg: str, lv: str, name: str) -> None:
    assert device_mapper.mapper_name(vg, lv) == name
    assert device_mapper.split_mapper_name(name) == (vg, lv)


@pytest.mark.parametrize("vg", ["g", "g-1", "a-very-long-group-of-volumes"])
@pytest.mark.parametrize("length", [1, 60, 100, 127])
def test_snapshots_name_fits_and_begins_with_the_volumes(
    vg: str, length: int
) -> None:
    origin = replace(parse_lvs(LVS)[2], vg=vg, name=("vm-a-" * 26)[:length])
    name = snapshot_name(origin)
    assert len(device_mapper.mapper_name(vg, name)) <= 120
    front, mark = name.split(".wyng-")
    assert front and origin.name.startswith(front) and len(mark) == 8
    assert front == origin.name or length >= 60
    assert snapshot_name(origin) != name


def test_snapshot_says_whose_it_is() -> None:
    mine = replace(
        parse_lvs(LVS)[3], tags=frozenset({"qvm-wyng", "qvm-wyng-0a1b2c3d"})
    )
    assert mine.is_own and mine.is_kept_by("0a1b2c3d")
    assert not mine.is_kept_by("0a1b2c3e")
    assert not parse_lvs(LVS)[3].is_kept_by("0a1b2c3d"), "it says of none"


def test_foreign_mapper_names_are_no_volumes() -> None:
    for name in ("luks", "vg-lv-real", "", "-a", "a-"):
        assert device_mapper.split_mapper_name(name) is None


def test_uuid_gets_its_dashes() -> None:
    plain = "Xtg6LrWz5tR1VdPUMiMBmrqZ8OmZLiPn"
    dashed = "Xtg6Lr-Wz5t-R1Vd-PUMi-MBmr-qZ8O-mZLiPn"
    assert device_mapper.dashed(plain) == dashed


@pytest.mark.parametrize(
    "line, status",
    [
        (
            "0 819200 thin-pool 3 19/1024 96/6400 - rw discard_passdown"
            " queue_if_no_space - 1024",
            PoolStatus(3, 19, 1024, 96, 6400, None, "rw"),
        ),
        (
            "0 819200 thin-pool 5 23/1024 96/6400 22 rw discard_passdown"
            " queue_if_no_space - 1024",
            PoolStatus(5, 23, 1024, 96, 6400, 22, "rw"),
        ),
        (
            "0 819200 thin-pool 5 23/1024 6400/6400 - out_of_data_space"
            " discard_passdown queue_if_no_space - 1024",
            PoolStatus(5, 23, 1024, 6400, 6400, None, "out_of_data_space"),
        ),
        (
            "0 819200 thin-pool 5 1024/1024 96/6400 - ro discard_passdown"
            " error_if_no_space needs_check 1024",
            PoolStatus(5, 1024, 1024, 96, 6400, None, "ro"),
        ),
        ("0 819200 thin-pool Fail", PoolStatus()),
    ],
)
def test_pool_status_is_read(line: str, status: PoolStatus) -> None:
    assert parse_status(line) == status
    assert status.writable == (status.mode in ("rw", "out_of_data_space"))


@pytest.mark.parametrize(
    "line", ["", "0 8 linear 7:0 0", "0 8 thin-pool 3 1/2 3 - rw", "a b c d"]
)
def test_odd_status_is_not_believed(line: str) -> None:
    with pytest.raises(SourceError):
        parse_status(line)


def test_table_of_a_pool_says_its_block_size() -> None:
    line = "0 819200 thin-pool 253:0 253:1 128 0 0"
    assert device_mapper.parse_pool_table(line) == 65536
    with pytest.raises(SourceError):
        device_mapper.parse_pool_table("0 8 linear 7:0 0")


def test_note_goes_there_and_back() -> None:
    note = Note("uuid", 7, 22, "digest")
    assert parse_note(json.dumps(vars(note)).encode()) == note
    for data in (b"", b"{}", b"[]", b'{"pool_uuid": 1}', b"\xff"):
        assert parse_note(data) is None


def make_tool(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs that come first."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def test_group_that_is_not_there_is_not_found(tools: Path) -> None:
    said = 'Volume group \\"none\\" not found\\n  Cannot process it'
    make_tool(tools, "lvs", f'printf "  {said}\\n" >&2; exit 5')
    with pytest.raises(NotFound, match="no volume group 'none'"):
        list_group("none")


def test_not_being_root_is_one_sentence(
    tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_tool(
        tools, "lvs", "echo '/run/lock/lvm: Permission denied' >&2; exit 5"
    )
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(SourceError, match="^LVM can be used by root only"):
        list_group("vg")


def test_tool_runs_in_the_c_locale_with_nothing_to_read(tools: Path) -> None:
    make_tool(tools, "tool", 'echo "$LC_ALL $(cat | wc -c) $1"')
    assert run_tool(["tool", "a b; echo"]) == "C 0 a b; echo\n"


def test_tool_that_fails_is_cited_in_one_line(tools: Path) -> None:
    script = r'printf "  WARNING: x\n  first\n\033[1msecond\n" >&2; exit 3'
    make_tool(tools, "tool", script)
    with pytest.raises(ToolFailed) as caught:
        run_tool(["tool"])
    assert str(caught.value) == "tool failed: first; ?[1msecond"


def test_tool_that_hangs_is_ended(tools: Path) -> None:
    make_tool(tools, "tool", "echo a; exec sleep 60")
    with pytest.raises(ToolFailed, match="tool did not end in time"):
        run_tool(["tool"], seconds=0.3)


def test_missing_tool_is_named(tools: Path) -> None:
    with pytest.raises(ToolMissing, match="program no-such-tool is not inst"):
        run_tool(["no-such-tool"])
