# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Lists of volumes and files to import: their forms, and what is refused."""

import os
from pathlib import Path

import pytest

from wyng_dom0.commands.vols_from import Listed, read_vols_from
from wyng_dom0.errors import BadInput, Dom0Error, NotFound
from wyng_dom0.sources.single import SingleFiles, parse_import


def test_list_is_read_in_its_order(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_text(
        '{"vg/pool": [["b", null], ["a", "c"]], "null": [["d", ""]]}'
    )
    assert read_vols_from(str(path)) == (
        Listed("vg/pool", "b", "b"),
        Listed("vg/pool", "a", "c"),
        Listed("", "d", "d"),
    )


@pytest.mark.parametrize(
    "text, said",
    [
        ("", "is no JSON"),
        ("{" * 5000, "is no JSON"),
        ("[" * 500_000, "is no JSON"),
        ("[]", "is not of the form"),
        ("{}", "is not of the form"),
        ('{"/": {}}', "is not of the form"),
        ('{"/": [["a"]]}', "is not of the form"),
        ('{"/": [["a", 5]]}', "is not of the form"),
        ('{"/": [[null, "a"]]}', "is not of the form"),
        ('{"/": []}', "names no volume"),
        ('{"/": [["a", null], ["a", "b"]]}', "names 'a' twice"),
        ('{"/": [["a", "c"]], "/x": [["b", "c"]]}', "names 'c' twice"),
        ('{"/": [["../a", null]]}', "'.' or '..' part"),
        ('{"/": [["a", "/etc/x"]]}', "begins with '/'"),
    ],
)
def test_bad_list_is_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "list"
    path.write_text(text)
    with pytest.raises(BadInput) as caught:
        read_vols_from(str(path))
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_list_that_cannot_be_read_is_bad_input(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(BadInput, match="can't be read"):
            read_vols_from(str(path))
    huge = tmp_path / "huge"
    with huge.open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(BadInput, match="over 16 MiB"):
        read_vols_from(str(huge))


@pytest.mark.parametrize(
    "given, kind, said",
    [
        ("boot", BadInput, "as in boot:|:/dev/sda1"),
        ("boot:|:relative", BadInput, "begins with '/'"),
        (":|:/etc/hostname", BadInput, "is empty"),
        ("../x:|:/etc/hostname", BadInput, "'.' or '..' part"),
        ("x:|:/no/such/file", NotFound, "No such file"),
        ("x:|:/", BadInput, "neither a file nor a block device"),
        ("x:|:/dev/null", BadInput, "neither a file nor a block device"),
    ],
)
def test_bad_import_is_one_sentence(
    given: str, kind: "type[Dom0Error]", said: str
) -> None:
    with pytest.raises(kind) as caught:
        parse_import(given)
    assert said in str(caught.value)


def test_fifo_is_no_file_to_import(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BadInput, match="neither a file"):
        parse_import(f"x:|:{tmp_path}/pipe")


def test_only_what_was_given_is_imported(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"x")
    (tmp_path / "link").symlink_to("real")
    name, path = parse_import(f"a/b:|:{tmp_path}/link")
    source = SingleFiles({name: path})
    assert source.locate("a/b").place == str(tmp_path / "real")
    with pytest.raises(NotFound):
        source.locate("b")
