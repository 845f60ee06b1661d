# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Volumes by a file's list, of several sources, and files from anywhere."""

import json
import random
from pathlib import Path

import pytest

from product.machine import DATA, Machine

OTHER = random.Random(10).randbytes(300_000)


def listing(machine: Machine, text: object, name: str = "list.json") -> str:
    path = machine.root / name
    path.write_text(text if isinstance(text, str) else json.dumps(text))
    return f"--vols-from={path}"


def result(machine: Machine) -> "dict[str, object] | None":
    path = machine.root / "list.json.error"
    return dict(json.loads(path.read_text())) if path.exists() else None


@pytest.fixture
def second(kept: Machine) -> Path:
    """Another source of the machine, with the volume b."""
    folder = kept.root / "more"
    folder.mkdir()
    (folder / "b").write_bytes(OTHER)
    return folder


def test_volumes_of_several_sources_make_one_session(
    kept: Machine, second: Path
) -> None:
    kept.write("a", DATA[::-1])
    given = {str(kept.images): [["a", None]], str(second): [["b", None]]}
    kept.run("send", listing(kept, given))
    assert kept.sessions("a")[-1:] == kept.sessions("b")
    assert kept.restored("a") == DATA[::-1]
    assert kept.restored("b") == OTHER
    assert result(kept) is None
    # The very next send of either source reads from where it left off.
    (second / "b").write_bytes(OTHER[::-1])
    kept.run("send", f"--local={second}", "b")
    assert kept.restored("b") == OTHER[::-1]


def test_alias_renames_the_volume_of_the_archive_once(kept: Machine) -> None:
    (kept.images / "a").rename(kept.images / "laptop")
    words = listing(kept, {str(kept.images): [["a", "laptop"]]})
    assert "would be called 'laptop'" in kept.run("send", words, "--dry-run")
    assert kept.volumes() == {"a": 1}
    said = kept.run("send", words)
    assert "'a' is now called 'laptop' in the archive" in said
    assert kept.volumes() == {"laptop": 1}
    kept.write("laptop", OTHER)
    kept.run("send", words)
    assert kept.volumes() == {"laptop": 2}
    assert kept.restored("laptop") == OTHER


def test_alias_that_would_hide_a_volume_renames_nothing(
    kept: Machine,
) -> None:
    kept.write("b", OTHER)
    kept.run("send", "b")
    words = listing(kept, {str(kept.images): [["a", "b"]]})
    said = kept.fails(9, "send", words)
    assert "can't be called as the other; nothing was renamed" in said
    words = listing(kept, {str(kept.images): [["a", "gone"]]})
    assert "nothing was renamed" in kept.fails(6, "send", words)
    assert kept.volumes() == {"a": 1, "b": 1}
    assert result(kept) == {"rc": 6, "volumes": []}


def test_list_is_restored_to_its_sources_and_aliases(
    kept: Machine, second: Path
) -> None:
    kept.run("send", f"--local={second}", "b")
    (second / "b").unlink()
    words = listing(
        kept,
        {str(kept.images): [["a", "deep/copy"]], str(second): [["b", None]]},
    )
    kept.run("receive", words)
    assert (kept.images / "deep" / "copy").read_bytes() == DATA
    assert (second / "b").read_bytes() == OTHER
    assert kept.volumes() == {"a": 1, "b": 1}


def test_what_failed_is_in_the_result_file(kept: Machine) -> None:
    words = listing(kept, {str(kept.images): [["a", None], ["gone", None]]})
    kept.write("a", OTHER)
    done = kept.bare(f"--meta-dir={kept.state}", "send", words)
    assert done.returncode == 2
    assert result(kept) == {"rc": 2, "volumes": ["gone"]}
    kept.write("gone", OTHER)
    kept.run("send", words)
    assert result(kept) is None
    # Something is there, and nobody can say that it may be written over.
    assert (
        kept.bare(f"--meta-dir={kept.state}", "receive", words).returncode == 2
    )
    assert result(kept) == {"rc": 2, "volumes": ["a", "gone"]}


def test_list_without_a_source_is_verified(kept: Machine) -> None:
    words = listing(kept, {"null": [["a", None]]})
    assert "is whole" in kept.run("verify", words)
    assert "needs one" in kept.fails(9, "send", words)
    assert "needs one" in kept.fails(9, "receive", words)
    words = listing(kept, {"null": [["a*", None]]})
    assert "no volume 'a*'" in kept.fails(6, "verify", words)


def test_file_from_anywhere_is_sent_under_a_name(clear: Machine) -> None:
    file = clear.root / "boot.img"
    file.write_bytes(OTHER)
    word = f"--import-other-from=disks/boot:|:{file}"
    clear.write("a", DATA)
    clear.run("send", word)
    assert clear.volumes() == {"disks/boot": 1}
    assert "no change" in clear.run("send", word)
    file.write_bytes(OTHER[::-1])
    clear.run("send", word, "a")
    assert clear.volumes() == {"a": 1, "disks/boot": 2}
    assert clear.restored("disks/boot") == OTHER[::-1]
    # A later send of all finds no such volume in the source, and says so.
    done = clear.bare(f"--meta-dir={clear.state}", "send")
    assert done.returncode == 2 and "disks/boot" in done.stderr


def test_link_to_be_imported_is_followed(clear: Machine) -> None:
    file = clear.root / "real"
    file.write_bytes(OTHER)
    link = clear.root / "link"
    link.symlink_to(file)
    clear.run("send", f"--import-other-from=x:|:{link}")
    assert clear.restored("x") == OTHER


def test_bad_lists_and_imports_change_nothing(kept: Machine) -> None:
    assert "is no JSON" in kept.fails(9, "send", listing(kept, "x"))
    word = "--import-other-from=x:|:/no/such/file"
    assert "No such file" in kept.fails(6, "send", word)
    assert kept.volumes() == {"a": 1}


def test_name_is_sent_from_one_place_only(kept: Machine) -> None:
    word = f"--import-other-from=a:|:{kept.images}/a"
    assert "from two places" in kept.fails(9, "send", word, "a")
    assert "imported as 'a'" in kept.fails(9, "send", word, word)
