# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What can't be meant, and what breaks: one sentence, a code, nothing lost."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from product.machine import DATA, OFF, Machine


def assert_whole(machine: Machine) -> None:
    """The newest session is still the one of DATA, bit for bit."""
    assert machine.restored("a") == DATA


def kept_bytes(machine: Machine) -> "dict[str, bytes]":
    """What an archive consists of, and what this machine knows of it."""
    folders = machine.backup / "a", machine.state / "heads"
    return {
        str(path): path.read_bytes()
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith("index.db")
    }


ROOM = ("prune", "--autoprune=on")
ONE = ("--keep-last=1",)
BAD_WORDS: "list[tuple[int, str, tuple[str, ...]]]" = [
    (9, "no command", ()),
    (9, "did you mean send", ("sned", "a")),
    (9, "did you mean --session", ("--sesion=x", "send")),
    (9, "means nothing to send", ("send", "--save-to=x")),
    (9, "list shows one", ("list", "a", "b")),
    (9, "rename takes OLD NEW", ("rename", "a")),
    (9, "prune needs --session", ("prune",)),
    (9, "--session was given twice", ("prune", "--session=1", "--session=2")),
    (9, "YYYYMMDD-HHMMSS", ("--session=yesterday", "verify")),
    (9, "no date and time", ("--session=20261399-000000", "verify")),
    (9, "not a range", ("receive", "a", "--session=19990101-000000,newest")),
    (9, "later", ("prune", "--session=20260101-000000,20250101-000000")),
    (9, "--save-to takes exactly one", ("receive", "a", "b", "--save-to=x")),
    (9, "'.' or '..' part", ("send", "../a")),
    (9, "control character", ("send", "a\nb")),
    (9, "begins with '/'", ("add", "/etc/passwd")),
    (9, "4001 bytes, over 4000", ("send", "x" * 4001)),
    (9, "is empty", ("send", "")),
    (9, "'..' part", ("rename", "a", "x/../y")),
    (9, "already", ("add", "a")),
    (9, "already", ("rename", "a", "a")),
    (9, "is not one of", ("send", "a", "--compression=lzma")),
    (9, "contradict", ("--all", "prune", "a", "--session=newest")),
    (6, "no volume 'b'", ("send", "b")),
    (6, "no volume 'b'", ("receive", "b")),
    (6, "no volume 'b'", ("delete", "b", "--force")),
    (6, "no volume 'b'", ("rename", "b", "c")),
    (6, "no volume 'b'", ("list", "b")),
    (6, "no volume 'b'", ("verify", "b")),
    (6, "no session 20200101-000000", ("verify", "--session=20200101-000000")),
    (
        6,
        "has the session 20200101-000000",
        ("list", "--session=20200101-000000"),
    ),
    (6, "archive", ("list", "--archive=other")),
    (6, "no archive at", ("list", "--from=internal:/no/such/place")),
    (9, "internal:/path", ("list", "--from=/just/a/path")),
    (9, "not supported yet", ("list", "--from=s3://host/x")),
    (9, "absolute", ("list", "--from=internal:x")),
    (1, "--force", ("delete", "a")),
    (9, "VOLUME, or --vid", ("delete",)),
    (9, "VOLUME, or --vid", ("delete", "a", f"--vid={'0' * 32}")),
    (9, "32 hexadecimal digits", ("delete", "--vid=Vol_123")),
    (6, "no volume 0000", ("delete", f"--vid={'0' * 32}")),
    (1, "--force", ("arch-delete",)),
    (9, "takes no name", ("arch-delete", "a")),
    (9, "A:B:C:D", ("prune", "--apdays=1:2:3")),
    (9, "1 or more", ("prune", "--apdays=0:62:0:2")),
    (9, "--keep-daily takes a number", ("prune", "--keep-daily=-1")),
    (9, "--keep-last takes a number", ("prune", "--keep-last=many")),
    (9, "--keep-within takes", ("prune", "--keep-within=soon")),
    (9, "'a,b'", ("prune", "--keep-tag=a,b")),
    (9, "contradict", ("prune", "--apdays=0:1:1:1", "--keep-last=1")),
    (9, "contradict", ("prune", "--session=newest", "--keep-last=1")),
    (9, "--min-free-space takes", (*ROOM, "--min-free-space=lots")),
    (9, "off, on, full", ("prune", "--autoprune=maybe")),
    (9, "removes nothing", ("prune", "--autoprune=off")),
    (9, "needs --min-free-space", ROOM),
    (9, "goes with --autoprune=on", ("prune", *ONE, "--min-free-space=1G")),
    (9, "goes with --autoprune=on", ("send", "--min-free-space=1G")),
    (9, "contradict", ("prune", "--session=newest", "--autoprune=full")),
    (9, "keeps nothing", ("prune", "--keep-last=0", "--keep-within=0d")),
    (6, "20200101-000000", ("prune", *ONE, "--keep=20200101-000000")),
    (9, "--all-before needs", ("prune", "--all-before", "--autoprune=full")),
    (9, "YYYYMMDD-HHMMSS", ("prune", "--autoprune=full", "--keep=x")),
    (9, "protect needs --session", ("protect", "a")),
    (9, "protect takes VOLUME", ("protect", "--session=newest")),
    (6, "20200101-000000", ("protect", "a", "--session=20200101-000000")),
    (6, "^none", ("unprotect", "a", "--session=^none")),
    (9, "'all' stands for", ("send", "--tag=all")),
    (9, "holds a space", ("send", "--tag=two words")),
    (9, "--tag needs a value", ("send", "--tag=")),
    (9, "given twice", ("send", "--tag=a", "--tag=A,text")),
    (9, "at most 5", ("send", *(f"--tag=t{n}" for n in range(6)))),
    (9, "over 100", ("send", f"--tag=a,{'x' * 101}")),
    (9, "over 100", ("send", f"--volume-desc={'x' * 101}")),
    (9, "not printable", ("add", "b", "--volume-desc=a\nb")),
    (9, "on, off", ("receive", "a", "--session-strict=maybe")),
    (9, "on, off", ("send", "--dedup=some")),
    (9, "--testing-dedup takes 1", ("send", "--testing-dedup=0")),
    (9, "means nothing to list", ("list", "--send-unchanged")),
    (9, "--slots-from goes", ("arch-init", "--slots-from=x")),
    (9, "known already", ("arch-init", "--archive=a", "--from=internal:/x")),
    (
        9,
        "what the archive says",
        ("arch-init", "--archive=b", "--from=internal:/x", "--encrypt=off"),
    ),
    (6, "x", ("arch-init", "--archive=b", "--from=internal:/no/x")),
    (1, "--force", ("receive", "a")),
]


@pytest.mark.parametrize(
    "code, part, words", BAD_WORDS, ids=[str(w[2])[:60] for w in BAD_WORDS]
)
def test_bad_words_are_one_sentence_and_change_nothing(
    kept: Machine, code: int, part: str, words: "tuple[str, ...]"
) -> None:
    before = kept_bytes(kept)
    assert part in kept.fails(code, *words)
    assert kept_bytes(kept) == before
    assert (kept.images / "a").read_bytes() == DATA


@pytest.mark.parametrize(
    "code, part, words",
    [
        (9, "--chunk-factor takes", ("--chunk-factor=0",)),
        (9, "--chunk-factor takes", ("--chunk-factor=7",)),
        (9, "--hashtype takes", ("--hashtype=md5",)),
        (9, "--encrypt takes", ("--encrypt=rot13",)),
        (9, "--dedup-domain takes", ("--dedup-domain=all",)),
        (9, "levels 1 to 19", ("--compression=zstd:99",)),
        (9, "begins with a letter", ("--archive=../x",)),
        (9, "--subdir", ("--subdir=../x",)),
        (9, "--subdir", ("--subdir=/x",)),
        (9, "--passcmd", ("--passcmd=/no/such/program",)),
        (3, "no passphrase", ("--passcmd=true",)),
        (3, "no passphrase", ()),
    ],
)
def test_bad_arch_init_makes_nothing(
    machine: Machine, code: int, part: str, words: "tuple[str, ...]"
) -> None:
    given = (f"--dest={machine.dest()}", f"--local={machine.images}")
    assert part in machine.fails(code, "arch-init", *given, *words)
    assert not list(machine.backup.iterdir())
    assert not machine.state.exists()


def test_destination_must_be_free_and_there(machine: Machine) -> None:
    used = machine.backup / "used"
    used.mkdir()
    (used / "letter.txt").write_text("mine")
    init = ("arch-init", *OFF)
    assert "used" in machine.fails(1, *init, f"--dest=internal:{used}")
    assert [each.name for each in used.iterdir()] == ["letter.txt"]
    gone = f"--dest=internal:{machine.root}/not/mounted/x"
    assert "mounted" in machine.fails(5, *init, gone)
    assert "--dest" in machine.fails(9, *init)
    machine.init(*OFF)
    again = f"--dest={machine.dest()}"
    told = machine.fails(1, *init, again, "--archive=again")
    assert "archive already" in told


def test_wrong_passphrase_is_three(sealed: Machine) -> None:
    sealed.write("a", DATA)
    keys = sealed.state / "remembered"
    keys.rename(sealed.root / "elsewhere")
    told = sealed.fails(3, "--passcmd=echo wrong", "send", "a")
    assert "passphrase" in told
    (sealed.root / "elsewhere").rename(keys)
    assert sealed.volumes() == {}


def test_volume_that_vanished_spares_the_others(kept: Machine) -> None:
    kept.write("b", b"b")
    (kept.images / "a").unlink()
    told = kept.fails(2, "send", "a", "b")
    assert told == (
        f"1 volume failed: 'a' (there is no volume 'a' in {kept.images})"
    )
    assert kept.volumes() == {"a": 1, "b": 1}
    assert_whole(kept)


@pytest.mark.parametrize("kind", ["folder", "fifo", "way out"])
def test_what_is_no_volume_is_refused(kept: Machine, kind: str) -> None:
    place = kept.images / "odd"
    if kind == "folder":
        place.mkdir()
    elif kind == "fifo":
        os.mkfifo(place)
    else:
        place.symlink_to("/etc/passwd")
    assert "'odd'" in kept.fails(1, "send", "odd")
    assert_whole(kept)


def test_target_that_can_not_be_is_refused(kept: Machine) -> None:
    folder = kept.root / "folder"
    folder.mkdir()
    receive = ("receive", "a", "--force")
    told = kept.fails(1, *receive, f"--save-to={folder}")
    assert "neither a file nor a block device" in told
    told = kept.fails(1, *receive, f"--save-to={kept.root}/no/x")
    assert "no directory" in told
    assert_whole(kept)


def test_existing_target_stays_without_force(kept: Machine) -> None:
    kept.write("a", b"newer")
    kept.fails(1, "receive", "a")
    assert (kept.images / "a").read_bytes() == b"newer"
    kept.run("receive", "a", "--force")
    assert (kept.images / "a").read_bytes() == DATA
    names = os.listdir(kept.images)
    assert names == ["a"], names


@pytest.fixture
def small_device(tmp_path: Path) -> "Path":
    if os.geteuid() != 0:
        pytest.skip("a loop device needs root")
    image = tmp_path / "small.img"
    image.write_bytes(bytes(4096))
    made = subprocess.run(
        ["losetup", "--find", "--show", str(image)],
        capture_output=True,
        text=True,
    )
    if made.returncode:
        pytest.skip(f"no loop device here: {made.stderr}")
    return Path(made.stdout.strip())


def test_device_that_is_too_small_is_refused(
    kept: Machine, small_device: Path
) -> None:
    try:
        told = kept.fails(
            1, "receive", "a", "--force", f"--save-to={small_device}"
        )
        assert "has 4096 bytes, too few" in told
    finally:
        subprocess.run(["losetup", "--detach", small_device], check=True)
    assert_whole(kept)


def test_archive_that_is_gone_is_named(kept: Machine) -> None:
    archive = kept.backup / "a"
    archive.rename(kept.backup / "moved")
    for words in (("send",), ("list",), ("verify",)):
        assert kept.dest() in kept.fails(6, *words)
    archive.mkdir()
    (archive / "other.txt").write_text("x")
    assert kept.dest() in kept.fails(6, "send")
    assert os.listdir(archive) == ["other.txt"]
    (archive / "other.txt").unlink()
    archive.rmdir()
    (kept.backup / "moved").rename(archive)
    assert_whole(kept)


def test_archive_in_use_is_said_at_once(kept: Machine) -> None:
    with open(kept.backup / "a" / "lock", "r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "use" in kept.fails(5, "send")
    assert_whole(kept)


def test_older_copy_put_back_is_noticed(kept: Machine) -> None:
    archive, copy = kept.backup / "a", kept.root / "copy"
    subprocess.run(["cp", "-a", archive, copy], check=True)
    kept.write("a", b"2")
    kept.run("send")
    archive.rename(kept.root / "newer")
    copy.rename(archive)
    told = kept.fails(4, "send")
    assert "older copy" in told
    assert kept.restored("a") == DATA  # readers are warned and go on
    told = kept.fails(1, "send", "--force-allow-rollback")
    assert "name typed" in told and "say --force" not in told
    kept.fails(1, "send", "--force-allow-rollback", "--force")


def test_damage_is_found_and_never_restored(kept: Machine) -> None:
    packs = sorted(
        (kept.backup / "a" / "packs").rglob("*.pack"),
        key=lambda path: path.stat().st_size,
    )
    with open(packs[-1], "r+b") as pack:
        pack.seek(packs[-1].stat().st_size // 2)
        byte = pack.read(1)[0]
        pack.seek(-1, os.SEEK_CUR)
        pack.write(bytes([byte ^ 1]))
    assert "'a'" in kept.fails(4, "verify")
    target = kept.root / "out.img"
    kept.fails(4, "receive", "a", f"--save-to={target}")
    assert not target.exists()
    # What the volume still holds is sent again once the damage is known.
    scrubbed = subprocess.run(
        [sys.executable, "-m", "wyng_store", "scrub", kept.backup / "a"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
    )
    assert scrubbed.returncode == 4
    kept.run("send")
    kept.run("verify")
    assert_whole(kept)


@pytest.mark.parametrize(
    "text, part",
    [
        ("colour: red\n", "'colour'"),
        ("- a\n- b\n", "key: value"),
        ("a: [b\n", "not YAML, at line"),
        ("json: maybe\n", "true or false"),
        ("archive: true\n", "text"),
        ("archive: {x: y}\n", "'archive'"),
        ("chunk-factor: 9\n", "--chunk-factor takes"),
        ("session: newest\n", "'session'"),
        ("x" * 70_000, "65536 bytes"),
    ],
)
def test_bad_config_is_one_sentence(
    machine: Machine, text: str, part: str
) -> None:
    config = machine.root / "c.yaml"
    config.write_text(text)
    told = machine.fails(9, f"--config={config}", "arch-init", *OFF)
    assert part in told
    assert not machine.state.exists()
