# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Sessions of wyng archives come over whole, in order, or are named as lost."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

from product.machine import OFF, Machine
from wyng_archives import (
    PASSPHRASE,
    Format2,
    Format3,
    Sealing,
    Session,
    Volume,
)

KIB = 1024
NAMES = tuple(f"2024030{day}-101112" for day in range(1, 8))


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def patched(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


def contents() -> "list[bytes]":
    """A volume that is written to, shrinks, grows, gets holes and tails."""
    first = noise(300 * KIB + 700) + bytes(400 * KIB) + noise(5, 2)
    second = patched(first, 150 * KIB, noise(9000, 3))
    third = second[: 200 * KIB + 10]
    fourth = third + bytes(1000 * KIB) + noise(100, 4)
    fifth = patched(fourth, 0, bytes(200 * KIB))
    return [first, second, third, fourth, fifth, fifth, b"", noise(70_000, 5)]


def sessions_of(
    data: "list[bytes]", first: int = 1, **more: Any
) -> "list[Session]":
    return [
        Session(f"2024030{first + at}-101112", each, **more)
        for at, each in enumerate(data)
    ]


def check_all(machine: Machine, volume: Volume, name: str = "") -> None:
    for each in volume.sessions:
        got = machine.restored(name or volume.name, each.name)
        assert got == each.content, each.name


def test_each_session_comes_over_bit_for_bit(machine: Machine) -> None:
    # The chunks here are larger than wyng's, so that they hold old ones too.
    machine.init("--encrypt=off", "--chunk-factor=3")
    volume = Volume("vm-work-private", sessions_of(contents()), "My work")
    source = Format3(machine.root / "old", volumes=[volume]).write()
    machine.run("migrate", str(source))
    (listed,) = machine.objects("list", volume.name)
    assert listed["description"] == "My work"
    assert [each["session"] for each in listed["sessions"]] == [
        each.name for each in volume.sessions
    ]
    check_all(machine, volume)


def test_chunk_that_a_cut_manifest_does_not_name_is_no_hole(
    machine: Machine,
) -> None:
    """Format 2 proves no manifest: zeros came over in place of data."""
    machine.init(*OFF)
    data = noise(1000 * KIB)
    made = sessions_of([data, patched(data, 0, b"new"), data[: 100 * KIB]])
    source = Format2(machine.root / "old", volumes=[Volume("a", made)]).write()
    manifest = source / "a" / f"S_{NAMES[0]}" / "manifest"
    lines = manifest.read_text().splitlines(keepends=True)
    manifest.write_text("".join(lines[:4]))
    told = machine.fails_among(2, "migrate", str(source))
    assert f"{NAMES[0]}: chunk 4 is in no manifest" in told
    # What is whole again comes over.
    assert machine.sessions("a") == [NAMES[2]]
    assert machine.restored("a", NAMES[2]) == made[2].content


def test_sealed_archive_opens_with_its_own_passphrase(clear: Machine) -> None:
    volume = Volume("a", sessions_of(contents()[:3]))
    old = clear.root / "old"
    source = Format3(old, sealing=Sealing(), volumes=[volume]).write()
    (clear.root / "old-words").write_bytes(PASSPHRASE + b"\n")
    passcmd = f"--from-passcmd=cat {clear.root}/old-words"
    before = {path: path.read_bytes() for path in files(old)}
    clear.run("migrate", str(source), passcmd)
    check_all(clear, volume)
    assert {path: path.read_bytes() for path in files(old)} == before


def test_sealed_archive_without_its_library_says_what_to_install(
    clear: Machine,
) -> None:
    volume = Volume("a", sessions_of([b"x"]))
    source = Format3(
        clear.root / "old", sealing=Sealing(n=1 << 10), volumes=[volume]
    ).write()
    without = clear.root / "without" / "Cryptodome"
    without.mkdir(parents=True)
    (without / "__init__.py").write_text("raise ImportError('not there')\n")
    paths = os.pathsep.join([str(without.parent), *sys.path])
    told = clear.fails(
        1,
        "migrate",
        str(source),
        "--from-passcmd=echo x",
        env={"PYTHONPATH": paths},
    )
    assert "python3-pycryptodomex" in told


def files(top: Path) -> "list[Path]":
    return sorted(path for path in top.rglob("*") if path.is_file())


def test_what_a_session_is_besides_its_bytes_stays(clear: Machine) -> None:
    names = ["20231029-013000", "20231029-023000", "20231029-023500"]
    tags = ["first the very first", "Keep", "all no", "with,comma"]
    volume = Volume(
        "sub/disk.img",
        [
            Session(names[0], b"1" * 5000, tags, "416:root:root"),
            Session(names[1], b"2" * 6000, (), "r"),
            Session(names[2], b"3" * 7000, localtime="20231029-023500"),
        ],
    )
    source = Format3(clear.root / "old", volumes=[volume]).write()
    clear.run("migrate", str(source), env={"TZ": "Europe/Berlin"})
    (listed,) = clear.objects("list", "sub/disk.img")
    rows = listed["sessions"]
    assert [row["session"] for row in rows] == names
    assert [row["sequence"] for row in rows] == [1, 2, 3]
    assert rows[0]["time"].startswith("2023-10-29T01:30:00+02:00")
    assert [row["size"] for row in rows] == [5000, 6000, 7000]
    assert rows[0]["tags"] == ["first", "keep"]
    assert rows[0]["descriptions"][0] == "the very first"
    clear.run("receive", "sub/disk.img", f"--session={names[0]}")
    found = (clear.images / "sub/disk.img").stat()
    assert found.st_mode & 0o7777 == 0o640
    assert found.st_mtime_ns == 1500000000123456789
    clear.run("receive", "sub/disk.img", f"--session={names[1]}", "--force")
    found = (clear.images / "sub/disk.img").stat()
    assert found.st_mode & 0o7777 == 0o400


def test_format_2_comes_over_from_its_mount_point(clear: Machine) -> None:
    volume = Volume("vm-a-private", sessions_of(contents()[:3]), "old")
    mounted = clear.root / "mounted"
    Format2(
        mounted / "wyng.backup" / "default",
        volumes=[volume],
    ).write()
    done = clear.bare(f"--meta-dir={clear.state}", "migrate", str(mounted))
    assert done.returncode == 0, done.stderr
    assert "not sealed" in done.stderr
    check_all(clear, volume)


def test_sparsebak_comes_over_without_any_root(clear: Machine) -> None:
    volume = Volume("vm-a-private", sessions_of(contents()[:2]))
    Format2(
        clear.root / "mounted" / "sparsebak" / "qubes_dom0%pool00",
        chunk=0x20000,
        compression="gzip",
        keeps_root=False,
        volumes=[volume],
    ).write()
    clear.run("migrate", str(clear.root / "mounted"))
    check_all(clear, volume)


def test_migrate_goes_on_where_it_stopped(clear: Machine) -> None:
    data = contents()
    volume = Volume("a", sessions_of(data[:2]))
    clear.run(
        "migrate", str(Format3(clear.root / "o1", volumes=[volume]).write())
    )
    more = Volume("a", sessions_of(data[:5]))
    other = Volume("b", sessions_of(data[:1]), vid="Vol_b")
    source = Format3(clear.root / "o2", volumes=[more, other]).write()
    # What came over is not read again: only what follows it needs to be there.
    for name in NAMES[:1]:
        for path in (source / "Vol_0a1b2c" / f"S_{name}").glob("0*/x*"):
            if "00000020000" in path.name:
                path.unlink()
    said = clear.objects("migrate", str(source), "--dry-run")
    (plan,) = [each for each in said if "kind" in each]
    coming = {each["volume"]: each["coming"] for each in plan["volumes"]}
    assert coming == {"a": [*NAMES[2:5]], "b": [NAMES[0]]}
    assert clear.volumes() == {"a": 2}
    clear.run("migrate", str(source))
    check_all(clear, more)
    check_all(clear, other)
    assert "here already" in clear.run("migrate", str(source))
    assert clear.volumes() == {"a": 5, "b": 1}


# A commit after each session, so that a kill falls between two.
EACH = (
    "import sys, wyng_dom0.engine.migration as m; m._ROUND_BYTES = 1;"
    " from wyng_dom0.cli.main import main; sys.exit(main())"
)


def kill_after(machine: Machine, events: int, *words: str) -> None:
    """Start a command and kill it when it told so many events."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", EACH, f"--meta-dir={machine.state}"]
    with subprocess.Popen(
        [*command, "--json", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**environ, "HOME": str(machine.root)},
    ) as process:
        assert process.stdout is not None
        for _ in range(events):
            process.stdout.readline()
        process.kill()


def test_killed_migrate_leaves_whole_sessions_and_goes_on(
    clear: Machine,
) -> None:
    volume = Volume("a", sessions_of(contents()[:4]))
    source = str(Format3(clear.root / "old", volumes=[volume]).write())
    before = 0
    for events in (12, 9):
        kill_after(clear, events, "migrate", source)
        came = clear.volumes().get("a", 0)
        assert came >= before
        before = came
        for each in volume.sessions[:came]:
            assert clear.restored("a", each.name) == each.content
    clear.run("migrate", source)
    assert clear.sessions("a") == [each.name for each in volume.sessions]
    check_all(clear, volume)


def test_volume_that_went_on_by_itself_is_left_alone(clear: Machine) -> None:
    clear.write("a", b"its own")
    clear.run("send", "a")
    volumes = [
        Volume("a", sessions_of([b"old"])),
        Volume("b", sessions_of([b"old"]), vid="Vol_b"),
    ]
    source = Format3(clear.root / "old", volumes=volumes).write()
    told = clear.fails_among(2, "migrate", str(source))
    assert "rename it here" in told
    assert clear.volumes() == {"a": 1, "b": 1}
    clear.run("rename", "a", "a-new")
    clear.run("migrate", str(source))
    check_all(clear, volumes[0])


def test_sent_after_it_was_migrated_changes_nothing_more(
    clear: Machine,
) -> None:
    data = contents()[:2]
    source = Format3(
        clear.root / "old", volumes=[Volume("a", sessions_of(data))]
    ).write()
    clear.run("migrate", str(source))
    clear.write("a", patched(data[1], 0, b"new"))
    clear.run("send", "a")
    clear.run("migrate", str(source))
    assert clear.volumes() == {"a": 3}
    assert clear.restored("a")[:3] == b"new"
    assert clear.restored("a", NAMES[1]) == data[1]


def test_damaged_chunk_costs_the_sessions_that_need_it(
    clear: Machine,
) -> None:
    first = noise(300 * KIB)
    second = patched(first, 130 * KIB, noise(9000, 2))
    third = patched(second, 5, b"third")
    fourth = patched(third, 128 * KIB, noise(128 * KIB, 3))
    volume = Volume("a", sessions_of([first, second, third, fourth]))
    other = Volume("b", sessions_of([first]), vid="Vol_b")
    source = Format3(clear.root / "old", volumes=[volume, other]).write()
    (path,) = (source / volume.vid / f"S_{NAMES[1]}").glob("0*/x*20000")
    bad = bytearray(path.read_bytes())
    bad[40] ^= 1
    path.write_bytes(bad)
    told = clear.fails_among(2, "migrate", str(source))
    assert NAMES[1] in told and "1 volume failed" in told
    assert clear.sessions("a") == [NAMES[0], NAMES[3]]
    assert clear.restored("a", NAMES[3]) == fourth
    assert clear.restored("b") == first


def test_lost_manifest_ends_its_volume_and_no_other(clear: Machine) -> None:
    volume = Volume("a", sessions_of(contents()[:4]))
    other = Volume("b", sessions_of([b"b"]), vid="Vol_b")
    source = Format3(clear.root / "old", volumes=[volume, other]).write()
    (source / volume.vid / f"S_{NAMES[2]}" / "manifest.z").unlink()
    told = clear.fails_among(2, "migrate", str(source))
    assert "manifest.z" in told
    assert clear.sessions("a") == [*NAMES[:2]]
    assert clear.sessions("b") == [NAMES[0]]


def test_unfinished_work_of_wyng_stops_it_unless_forced(
    clear: Machine,
) -> None:
    volume = Volume("a", sessions_of([b"a"]))
    three = Format3(clear.root / "3", in_process=["merge"], volumes=[volume])
    two = Format2(clear.root / "2", in_process="delete\na\n", volumes=[volume])
    for source in (three.write(), two.write()):
        told = clear.fails(1, "migrate", str(source))
        assert "unfinished work" in told
        assert clear.volumes() == {}
    clear.run("migrate", str(two.root), "--force")
    assert clear.volumes() == {"a": 1}


def test_volumes_are_chosen_by_name_and_pattern(clear: Machine) -> None:
    volumes = [
        Volume(name, sessions_of([name.encode()]), vid=f"Vol_{at}")
        for at, name in enumerate(("vm-a", "vm-b", "root"))
    ]
    source = Format3(clear.root / "old", volumes=volumes).write()
    clear.run("migrate", str(source), "vm-*", "--volex=vm-b")
    assert clear.volumes() == {"vm-a": 1}
    told = clear.fails(6, "migrate", str(source), "nothing")
    assert "has no volume 'nothing'" in told


def test_only_what_changed_is_read_and_sent(clear: Machine) -> None:
    first = noise(4 << 20)
    second = patched(first, 1 << 20, b"changed")
    volume = Volume("a", sessions_of([first, second]))
    source = Format3(clear.root / "old", volumes=[volume]).write()
    said = [
        json.loads(line)
        for line in clear.run("--json", "migrate", str(source)).splitlines()
    ]
    done = [each for each in said if each.get("event") == "volume-done"]
    assert [each["changed_bytes"] for each in done] == [4 << 20, 128 * KIB]
    assert done[1]["sent_bytes"] < 256 * KIB


def test_what_is_no_archive_of_wyng_is_one_sentence(clear: Machine) -> None:
    empty = clear.root / "empty"
    empty.mkdir()
    assert "no archive of wyng" in clear.fails(6, "migrate", str(empty))
    assert "no directory" in clear.fails(6, "migrate", str(empty / "x"))
    (empty / "archive.ini").write_text("[other]\n")
    assert "formats 2 or 3" in clear.fails(4, "migrate", str(empty))
    assert clear.volumes() == {}
