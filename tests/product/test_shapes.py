# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every kind of archive, every shape of volume: what went in comes out."""

import random

import pytest

from product.machine import OFF, Machine


def stored_bytes(machine: Machine) -> int:
    packs = (machine.backup / "a" / "packs").rglob("*.pack")
    return sum(pack.stat().st_size for pack in packs)


@pytest.mark.parametrize(
    "words",
    [
        *[
            (*OFF, f"--chunk-factor={factor}", f"--compression={compression}")
            for factor, compression in enumerate(
                ("zstd:3", "zlib:6", "bz2:9", "none", "zstd:19", "zlib:1"), 1
            )
        ],
        (*OFF, "--hashtype=blake2b", "--dedup-domain=qube"),
        (*OFF, "--subdir=deep", "--dedup-domain=archive"),
    ],
)
def test_every_shape_comes_back(
    machine: Machine, words: "tuple[str, ...]"
) -> None:
    factor = next(
        (int(w[-1]) for w in words if w.startswith("--chunk-factor")), 2
    )
    chunk = 65536 << (factor - 1)
    machine.init(*words)
    chance = random.Random(factor)
    shapes = {
        "empty": b"",
        "one": b"\0",
        "below": chance.randbytes(chunk - 1),
        "exact": chance.randbytes(chunk),
        "above": chance.randbytes(chunk + 1),
        "holes": bytes(5 * chunk + 3),
        "text": b"compresses well " * (chunk // 8),
        "mixed": bytes(2 * chunk) + chance.randbytes(99) + bytes(chunk),
    }
    for name, data in shapes.items():
        machine.write(name, data)
    machine.run("send", "--all")
    for name in shapes:
        (machine.images / name).unlink()
    machine.run("receive", *shapes)
    for name, data in shapes.items():
        assert (machine.images / name).read_bytes() == data, name


def test_sealed_blake2b_with_domains_of_qubes(machine: Machine) -> None:
    machine.init(
        "--hashtype=blake2b",
        "--dedup-domain=qube",
        "--remember",
        "--no-slot-upload",
        machine.passcmd,
    )
    data = random.Random(5).randbytes(300_000)
    machine.write("a", data)
    machine.write("b", data)
    machine.run("send", "a", "b")
    assert machine.restored("b") == data
    # Equal volumes, but nothing says so to the store.
    assert stored_bytes(machine) > 2 * len(data)
    assert not list((machine.backup / "a" / "keys").glob("*"))
    machine.fails(
        4, f"--from={machine.dest()}", machine.passcmd, "receive", "a"
    )


def test_domain_of_the_archive_stores_equal_data_once(
    sealed: Machine,
) -> None:
    data = random.Random(6).randbytes(1 << 20)
    for name in ("a", "b"):
        sealed.write(name, data)
    sealed.run("send", "a", "b")
    assert len(data) < stored_bytes(sealed) < 1.5 * len(data)
