# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Who can open an archive, through real commands."""

import stat
from pathlib import Path

import pytest

from product.machine import DATA, PASSPHRASE, Machine
from wyng_dom0.state import locks
from wyng_dom0.state.definitions import load
from wyng_dom0.state.places import Places

NEW = "another passphrase altogether"


@pytest.fixture
def keyed(sealed: Machine) -> Machine:
    """A sealed archive with one session, whose key is not remembered.

    The file `key` opens it too: that costs no scrypt, a passphrase does.
    """
    sealed.write("a", DATA)
    sealed.run("send", "a")
    key = sealed.root / "key"
    key.unlink(missing_ok=True)
    sealed.run(f"--new-key-file={key}", "key", "add")
    sealed.run("forget")
    return sealed


def opener(machine: Machine) -> str:
    return f"--key-file={machine.root}/key"


def with_typed(machine: Machine, text: str) -> str:
    path = machine.root / "typed"
    path.write_text(text + "\n")
    return f"--passcmd=cat {path}"


def restored_from(machine: Machine, *words: str) -> bytes:
    """By one who has nothing but the URL and what `words` say."""
    target = machine.root / "elsewhere.img"
    target.unlink(missing_ok=True)
    done = machine.bare(
        f"--meta-dir={machine.root}/empty",
        f"--from={machine.dest()}",
        f"--save-to={target}",
        "receive",
        "a",
        *words,
    )
    assert done.returncode == 0, done.stderr
    return target.read_bytes()


def slots(machine: Machine) -> "dict[int, str]":
    (listed,) = machine.objects("key", "list")
    assert all(each["here"] for each in listed["slots"])
    return {each["number"]: each["kind"] for each in listed["slots"]}


def test_recovery_code_opens_where_a_passphrase_is_asked_for(
    keyed: Machine,
) -> None:
    (made,) = keyed.objects(opener(keyed), "--recovery", "key", "add")
    code = made["recovery_code"]
    assert slots(keyed) == {0: "passphrase", 1: "key file", 2: "recovery code"}
    typed = with_typed(keyed, " ".join(code))
    assert restored_from(keyed, typed) == DATA
    wrong = [code[1], *code[1:]]
    error = keyed.fails(3, with_typed(keyed, " ".join(wrong)), "list")
    assert "line 1 of the recovery code" in error


def test_key_file_opens_and_is_private(keyed: Machine) -> None:
    path = keyed.root / "key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert restored_from(keyed, opener(keyed)) == DATA
    path.write_bytes(path.read_bytes()[::-1])
    assert "key file" in keyed.fails(3, opener(keyed), "list")
    path.write_bytes(b"short")
    keyed.fails(3, opener(keyed), "list")
    keyed.fails(6, f"{opener(keyed)}.not", "list")


def test_slots_are_shown_while_the_archive_is_in_use(keyed: Machine) -> None:
    places = Places(keyed.state)
    archive = load(places, "a").archive
    with locks.hold_archive(places, archive, "a", "send"):
        assert slots(keyed) == {0: "passphrase", 1: "key file"}
        assert "recovery sheet" in keyed.run("key", "export").lower()
        said = keyed.fails(5, "key", "remove", "1", "--force", opener(keyed))
        assert "in use by send" in said
    assert slots(keyed) == {0: "passphrase", 1: "key file"}


def test_changed_passphrase_opens_and_the_old_one_does_not(
    keyed: Machine,
) -> None:
    new = with_typed(keyed, NEW)
    keyed.run(opener(keyed), new, "key", "change")
    assert slots(keyed) == {1: "key file", 2: "passphrase"}
    keyed.fails(3, keyed.passcmd, "list")
    assert restored_from(keyed, new) == DATA


def test_last_slot_stays_and_a_removed_one_opens_nothing(
    keyed: Machine,
) -> None:
    keyed.run(opener(keyed), "--force", "key", "remove", "0")
    assert slots(keyed) == {1: "key file"}
    keyed.fails(3, keyed.passcmd, "list")
    done = keyed.bare(f"--from={keyed.dest()}", keyed.passcmd, "list")
    assert done.returncode == 3
    error = keyed.fails(1, opener(keyed), "--force", "key", "remove", "1")
    assert "last one" in error
    assert restored_from(keyed, opener(keyed)) == DATA


@pytest.fixture
def beside(keyed: Machine) -> str:
    """A second machine with the same archive, by its option.

    It has removed slot 0, and given its number to a key file called `new`;
    the first one still has the old slot 0.
    """
    state = f"--meta-dir={keyed.root}/beside"
    by = ("--archive=a", opener(keyed))
    for words in (
        (f"--from={keyed.dest()}", f"--local={keyed.images}", "arch-init"),
        ("--force", "key", "remove", "0"),
        (f"--new-key-file={keyed.root}/new", "key", "add"),
    ):
        done = keyed.bare(state, *by, *words)
        assert done.returncode == 0, done.stderr
    return state


def test_slot_that_another_machine_made_anew_is_told_and_not_removed(
    keyed: Machine, beside: str
) -> None:
    assert "0  passphrase" in keyed.run("key", "list")
    assert "another one of that number" in keyed.run("key", "list")
    done = keyed.run(opener(keyed), "--force", "key", "remove", "0")
    assert "another one of that number, which stays" in done
    first = keyed.run("key", "list").splitlines()[0]
    assert first.startswith("0  key file") and "only in the archive" in first
    keyed.fails(3, keyed.passcmd, "list")
    theirs = f"--key-file={keyed.root}/new"
    assert restored_from(keyed, theirs) == DATA


def test_changing_a_slot_leaves_the_one_of_another_machine(
    keyed: Machine, beside: str
) -> None:
    ours = f"--new-key-file={keyed.root}/ours"
    keyed.run(opener(keyed), ours, "key", "change", "0")
    for name in ("new", "ours", "key"):
        assert restored_from(keyed, f"--key-file={keyed.root}/{name}") == DATA


def test_last_slot_in_the_archive_stays(keyed: Machine) -> None:
    """Who has nothing but the archive must be able to open it."""
    for file in (keyed.backup / "a" / "keys").glob("0.slot*"):
        file.unlink()
    words = (opener(keyed), "--force", "key", "remove", "1")
    assert "last one in the archive" in keyed.fails(1, *words)
    assert restored_from(keyed, opener(keyed)) == DATA


def test_ninth_slot_is_refused(keyed: Machine) -> None:
    words = (opener(keyed), f"--new-key-file={keyed.root}/key", "key", "add")
    for _ in range(6):
        keyed.run(*words)
    assert "8 key slots" in keyed.fails(1, *words)
    assert len(slots(keyed)) == 8


def test_sheet_opens_an_archive_that_lost_its_slots(keyed: Machine) -> None:
    sheet = keyed.root / "sheet"
    keyed.run(f"--save-to={sheet}", "--force", "key", "export")
    text = sheet.read_text()
    assert PASSPHRASE not in text
    for said in (keyed.dest(), "head code", "slot 0: "):
        assert said in text
    for file in (keyed.backup / "a" / "keys").iterdir():
        file.unlink()
    words = (f"--slots-from={sheet}", opener(keyed))
    assert restored_from(keyed, *words) == DATA


def test_first_command_of_the_sheet_prints_the_head_code_to_compare(
    keyed: Machine,
) -> None:
    """On a machine that knows nothing, as the paper says it."""
    sheet = keyed.run("key", "export").splitlines()
    (code,) = [line.split()[-1] for line in sheet if "  head code " in line]
    (step,) = [line for line in sheet if line.startswith(" 3. ")]
    words = step.split("qvm-wyng ")[1].split()
    empty = f"--meta-dir={keyed.root}/empty"
    done = keyed.bare(empty, *words, opener(keyed))
    assert done.returncode == 0, done.stderr
    assert code in done.stdout.split()


def test_held_key_needs_no_passphrase_until_it_is_forgotten(
    keyed: Machine,
) -> None:
    keyed.run(opener(keyed), "--authmin=5", "list")
    keyed.run("list")
    keyed.run("--authmin=-1", opener(keyed), "list")
    keyed.fails(3, "list")
    keyed.run(opener(keyed), "--authmin=5", "list")
    keyed.run("list")
    (said,) = keyed.objects("forget")
    assert said["held"] and not said["remembered"]
    keyed.fails(3, "list")


def test_remembered_key_needs_what_opens_the_archive(keyed: Machine) -> None:
    wrong = keyed.root / "wrong"
    wrong.write_bytes(bytes(32))
    keyed.fails(3, f"--key-file={wrong}", "remember")
    keyed.fails(3, "list")
    keyed.run(opener(keyed), "remember")
    keyed.run("list")


@pytest.mark.parametrize(
    "words",
    [
        ("key",),
        ("key", "burn"),
        ("key", "remove"),
        ("key", "remove", "x"),
        ("key", "remove", "-1"),
        ("key", "list", "1"),
        ("key", "add", "--recovery", "--new-key-file=/x"),
        ("list", "--authmin=61"),
        ("list", "--authmin=soon"),
        ("list", "--slots-from=/dev/null", "--from=internal:/x"),
    ],
)
def test_nonsense_changes_nothing(
    keyed: Machine, words: "tuple[str, ...]"
) -> None:
    before = _files(keyed.state)
    keyed.fails(9, keyed.passcmd, *words)
    assert _files(keyed.state) == before


def test_archive_that_is_not_sealed_has_no_keys(clear: Machine) -> None:
    assert "not sealed" in clear.fails(1, "key", "list")
    assert "not sealed" in clear.fails(1, "remember")


def _files(root: Path) -> "dict[str, bytes]":
    return {
        str(path): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and "locks" not in path.parts
    }
