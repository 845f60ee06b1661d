# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A thin pool as a source, with an `lvs` that says what LVM would."""

import json
from pathlib import Path

import pytest

from wyng_dom0.errors import BadInput, NotFound, SourceError, TargetError
from wyng_dom0.events import ignore
from wyng_dom0.sources import scratch
from wyng_dom0.sources.choose import choose_source, names_pool
from wyng_dom0.sources.directory import DirectorySource
from wyng_dom0.sources.lvm import LvmSource
from wyng_dom0.state import scratches
from wyng_dom0.state.places import Places
from wyng_dom0.state.scratches import Scratch

Row = dict[str, str]


def row(name: str, attr: str, pool: str = "", tags: str = "") -> Row:
    return {
        "vg_name": "no-vg",
        "lv_name": name,
        "lv_uuid": f"uuid-of-{name}",
        "origin_uuid": "",
        "pool_lv": pool,
        "thin_id": "1" if pool else "",
        "lv_size": "8388608",
        "lv_attr": attr,
        "lv_tags": tags,
    }


ROWS = [
    row("pool", "twi-aotz--"),
    row("other", "twi-aotz--"),
    row("work", "Vwi-a-tz--", "pool"),
    row("alpha", "Vwi---tz--", "pool"),
    row("alpha.wyng-00000000", "Vri-a-tz--", "pool", "qvm-wyng"),
    row("vm-drill.wyng-00000000", "Vwi-a-tz--", "pool", "qvm-wyng-drill"),
    row("vm-drill.wyng-00000001", "Vwi-a-tz--", "pool"),
    row("elsewhere", "Vwi-a-tz--", "other"),
    row("plain", "-wi-a-----"),
]


@pytest.fixture
def lvs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that lists ROWS for the group no-vg, and counts its runs."""
    report = tmp_path / "report.json"
    report.write_text(json.dumps({"report": [{"lv": ROWS}]}))
    program = tmp_path / "bin" / "lvs"
    program.parent.mkdir()
    program.write_text(
        "#!/bin/sh\n"
        f"echo >>{tmp_path}/runs\n"
        f'case "$*" in *" no-vg") exec cat {report};; esac\n'
        "echo 'Volume group \"x\" not found' >&2; exit 5\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return tmp_path


@pytest.fixture
def source(lvs: Path, places: Places) -> LvmSource:
    found = choose_source("no-vg/pool", places, ignore)
    assert isinstance(found, LvmSource)
    return found


def test_volumes_are_the_pools_own(source: LvmSource) -> None:
    names = ["alpha", "vm-drill.wyng-00000001", "work"]
    assert source.list_volumes() == names
    assert source.key == "no-vg/pool"
    assert [each.name for each in source.drivers()] == ["lvm-thin", "plain"]


def test_volume_is_located_by_its_device_node(source: LvmSource) -> None:
    at = source.locate("work")
    assert (at.place, at.pool) == ("/dev/mapper/no--vg-work", "no-vg/pool")
    described = source.describe("alpha")
    assert described.size == 8388608 and described.block_device


def test_lvm_is_asked_once_for_what_it_has_told(
    source: LvmSource, lvs: Path
) -> None:
    for name in ("work", "alpha", "work"):
        source.locate(name)
    assert (lvs / "runs").read_text() == "\n"
    with pytest.raises(NotFound):
        source.locate("made-since")
    assert (lvs / "runs").read_text() == "\n\n"


@pytest.mark.parametrize(
    "name, words",
    [
        ("plain", "no-vg/plain is not thin"),
        ("pool", "no-vg/pool is not thin"),
        ("elsewhere", "not in the pool no-vg/pool"),
        ("alpha.wyng-00000000", "is a snapshot of ours"),
        ("vm-drill.wyng-00000000", "is what a drill restores to"),
    ],
)
def test_what_is_no_volume_of_the_pool_is_refused_by_name(
    source: LvmSource, name: str, words: str
) -> None:
    assert source.exists(name)
    for ask in (source.locate, source.describe, source.open):
        with pytest.raises(SourceError, match=words):
            ask(name)


@pytest.mark.parametrize("name", ["../x", "a/b", "", "-f", "a b", "x" * 200])
def test_name_that_lvm_cannot_have_is_refused(
    source: LvmSource, name: str
) -> None:
    for ask in (source.locate, source.path_of, source.open):
        with pytest.raises(BadInput):
            ask(name)


def test_inactive_volume_is_not_read(source: LvmSource) -> None:
    with pytest.raises(SourceError, match="no-vg/alpha is not active"):
        source.open("alpha")


@pytest.mark.parametrize(
    "name, words",
    [
        ("plain", "no-vg/plain is no thin volume of the pool"),
        ("elsewhere", "no-vg/elsewhere is no thin volume of the pool"),
        ("alpha.wyng-00000000", "is one of our own"),
        ("vm-drill.wyng-00000000", "is one of our own"),
    ],
)
def test_what_is_no_volume_of_the_pool_is_not_written(
    source: LvmSource, name: str, words: str
) -> None:
    with pytest.raises(TargetError, match=words):
        source.place_for(name, 8388608)


@pytest.mark.parametrize(
    "local, words",
    [
        ("none/pool", "no volume group 'none'"),
        ("no-vg/none", "no thin pool no-vg/none"),
    ],
)
def test_no_such_pool_is_not_found(
    lvs: Path, places: Places, local: str, words: str
) -> None:
    with pytest.raises(NotFound, match=words):
        choose_source(local, places, ignore)


def test_volume_in_the_pools_place_is_refused(
    lvs: Path, places: Places
) -> None:
    with pytest.raises(BadInput, match="no-vg/plain is not a thin pool"):
        choose_source("no-vg/plain", places, ignore)


def test_directory_of_that_name_is_hinted_at(
    lvs: Path, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    (lvs / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(lvs)
    with pytest.raises(NotFound, match=r"is meant by --local=\./a/b"):
        choose_source("a/b", places, ignore)
    assert isinstance(choose_source("./a/b", places, ignore), DirectorySource)


def test_what_a_pools_name_looks_like() -> None:
    assert names_pool("qubes_dom0/vm-pool")
    for local in ("/a/b", "/a", "a", "a/", "./a", "../a", "a/b/c", ""):
        assert not names_pool(local)


def tool(folder: Path, name: str) -> Path:
    """A program of LVM's that notes its words; returns where."""
    said = folder / f"{name}-said"
    program = folder / "bin" / name
    program.write_text(f'#!/bin/sh\necho "$@" >>{said}\n')
    program.chmod(0o755)
    return said


def test_scratch_of_a_drill_has_our_tag_and_goes_by_it(
    lvs: Path, places: Places
) -> None:
    made, removed = tool(lvs, "lvcreate"), tool(lvs, "lvremove")
    with scratch.made_in("no-vg/pool", 8388608, places):
        (noted,) = scratches.noted(places)
    name = noted.name
    assert name.startswith("vm-drill.wyng-")
    assert made.read_text() == (
        "-q -y -kn -ay -Wn -V 8388608b --addtag qvm-wyng-drill"
        f" --thinpool pool -n {name} -- no-vg\n"
    )
    # lvs has no such volume: it is gone.
    assert not removed.exists() and scratches.noted(places) == []
    for number in "01":
        place = f"no-vg/vm-drill.wyng-0000000{number}"
        scratch.remove(Scratch(place), places)
    # That without the tag is none of ours, whatever its name.
    assert removed.read_text() == (
        "-q -y -S lv_tags={qvm-wyng-drill} -- no-vg/vm-drill.wyng-00000000\n"
    )
    with pytest.raises(SourceError, match="is no scratch of a drill"):
        scratch.remove(Scratch("no-vg/work"), places)
