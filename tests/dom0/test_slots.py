# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A key slot opens with its passphrase alone, at a bounded price."""

import hashlib
from dataclasses import replace
from typing import List

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from pytest_mock import MockerFixture

from memory_archive import ARCHIVE, MASTER
from wyng_common import limits
from wyng_dom0.errors import AuthenticationFailed, IntegrityError
from wyng_dom0.seal import slots
from wyng_dom0.seal.keys import HashType, Suite, Terms, derive
from wyng_dom0.seal.slots import (
    Credential,
    Scrypt,
    Slot,
    SlotHeader,
    SlotKind,
    check_key_file,
    make_clear_slot,
    make_passphrase_slot,
    make_random_slot,
    open_slots,
    open_with_passphrase,
    parse_slot,
)

TERMS = Terms(ARCHIVE, Suite.AES_256_GCM, HashType.SHA256)
OFF = Terms(ARCHIVE, Suite.OFF, HashType.BLAKE2B)
CHEAP = Scrypt(10)
SALT = b"one salt for all passphrase slot"
PASSPHRASE = b"seven words that nobody guesses"


def make(
    passphrase: bytes = PASSPHRASE, cost: Scrypt = CHEAP, salt: bytes = SALT
) -> Slot:
    return make_passphrase_slot(TERMS, MASTER, passphrase, salt, cost, 17)


MADE = make()
ENCODED = MADE.encode()


def with_cost(log_n: int, r: int = 8, p: int = 1) -> Slot:
    """A slot that claims a cost, at no cost to us."""
    header = SlotHeader(
        TERMS, SlotKind.PASSPHRASE, 17, Scrypt(log_n, r, p), SALT
    )
    return Slot(header, MADE.body)


def test_slot_opens_with_its_passphrase() -> None:
    parsed = parse_slot(ENCODED)
    assert parsed == MADE and len(ENCODED) <= limits.SLOT_FILE_MAX
    assert open_with_passphrase([parsed], PASSPHRASE) == (MASTER, MADE)


@pytest.mark.parametrize(
    "wrong", [b"", b"Seven words that nobody guesses", PASSPHRASE + b"\n"]
)
def test_wrong_passphrase_opens_nothing(wrong: bytes) -> None:
    with pytest.raises(AuthenticationFailed):
        open_with_passphrase([MADE], wrong)
    with pytest.raises(AuthenticationFailed):
        open_with_passphrase([], PASSPHRASE)


def test_flip_of_any_byte_keeps_a_slot_shut(mocker: MockerFixture) -> None:
    # A cost of 2^10 or more in the flipped byte would only be slow.
    real = slots._stretch
    mocker.patch.object(
        slots,
        "_stretch",
        lambda header, passphrase: (
            real(header, passphrase)
            if header.cost == CHEAP
            else derive(header.encode(), "another")
        ),
    )
    for at in range(len(ENCODED)):
        for mask in (0x01, 0x80, 0xFF):
            flipped = bytearray(ENCODED)
            flipped[at] ^= mask
            with pytest.raises((AuthenticationFailed, IntegrityError)):
                open_with_passphrase([parse_slot(bytes(flipped))], PASSPHRASE)


def test_flip_of_any_byte_of_a_clear_slot_is_refused() -> None:
    encoded = make_clear_slot(OFF, 1_700_000_000).encode()
    assert parse_slot(encoded).header.terms == OFF
    for at in range(len(encoded)):
        for mask in (0x01, 0x03, 0x80, 0xFF):
            flipped = bytearray(encoded)
            flipped[at] ^= mask
            with pytest.raises(IntegrityError):
                parse_slot(bytes(flipped))


@pytest.mark.parametrize("slot", [MADE, make_clear_slot(OFF, 5)])
def test_cut_slot_is_refused(slot: Slot) -> None:
    encoded = slot.encode()
    for length in range(len(encoded)):
        with pytest.raises(IntegrityError):
            parse_slot(encoded[:length])
    with pytest.raises(IntegrityError):
        parse_slot(encoded + b"\0")


@given(st.binary(max_size=200))
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(IntegrityError):
        parse_slot(noise)


def test_sealed_archive_has_no_clear_slot() -> None:
    header = make_clear_slot(TERMS, 5).header.encode()
    with pytest.raises(IntegrityError):
        parse_slot(header)
    wrong = bytearray(ENCODED)
    wrong[11] = SlotKind.NONE
    with pytest.raises(IntegrityError):
        parse_slot(bytes(wrong))


def test_several_slots_cost_one_scrypt(mocker: MockerFixture) -> None:
    others = [make(b"other %d" % at) for at in range(3)]
    counted = mocker.spy(hashlib, "scrypt")
    assert open_with_passphrase([*others, MADE], PASSPHRASE)[1] == MADE
    assert counted.call_count == 1
    with pytest.raises(AuthenticationFailed):
        open_with_passphrase([*others, MADE], b"wrong")
    assert counted.call_count == 2


@pytest.mark.parametrize(
    "cost",
    [(0, 8, 1), (9, 8, 1), (20, 8, 1), (255, 8, 1), (10, 255, 1), (10, 8, 255)],
)
def test_cost_out_of_bounds_is_refused_before_any_memory(
    mocker: MockerFixture, cost: "tuple[int, int, int]"
) -> None:
    asked = mocker.patch.object(hashlib, "scrypt")
    with pytest.raises(IntegrityError):
        open_with_passphrase([with_cost(*cost)], PASSPHRASE)
    asked.assert_not_called()


@pytest.mark.parametrize("log_n", [10, 17, 19, 20])
def test_memory_for_scrypt_is_what_the_cost_needs(
    mocker: MockerFixture, log_n: int
) -> None:
    asked = mocker.patch.object(hashlib, "scrypt", return_value=bytes(32))
    with pytest.raises(AuthenticationFailed):
        open_with_passphrase([with_cost(log_n)], PASSPHRASE, log_n > 19)
    words = asked.call_args.kwargs
    assert words["n"] == 1 << log_n and words["dklen"] == 32
    assert 1024 << log_n < words["maxmem"] < 1 << 31


def test_forced_cost_has_a_bound_too(mocker: MockerFixture) -> None:
    asked = mocker.patch.object(hashlib, "scrypt")
    with pytest.raises(IntegrityError):
        open_with_passphrase([with_cost(21)], PASSPHRASE, allow_costly=True)
    asked.assert_not_called()


def test_costly_slot_keeps_no_other_from_opening() -> None:
    slots_there: List[Slot] = [with_cost(30), MADE]
    assert open_with_passphrase(slots_there, PASSPHRASE) == (MASTER, MADE)


def test_slot_opens_under_one_key_only() -> None:
    # The wrapped key of one opener with the commitment of another.
    other = make(b"other")
    mixed = other.body[:32] + MADE.body[32:]
    for passphrase in (PASSPHRASE, b"other"):
        with pytest.raises(AuthenticationFailed):
            open_with_passphrase([Slot(MADE.header, mixed)], passphrase)


def test_slot_is_wrapped_as_documented() -> None:
    opener = hashlib.scrypt(PASSPHRASE, salt=SALT, n=1024, r=8, p=1, dklen=32)
    nonce, wrapped = MADE.body[32:44], MADE.body[44:]
    key = AESGCM(derive(opener, "slot-wrap"))
    assert key.decrypt(nonce, wrapped, ENCODED[:72]) == MASTER


def test_slots_of_one_key_are_all_different() -> None:
    assert len({make().body for _ in range(8)}) == 8


def test_other_kinds_are_passed_over() -> None:
    free = Scrypt(0, 0, 0)
    header = SlotHeader(TERMS, SlotKind.RECOVERY, 17, free, SALT)
    with pytest.raises(AuthenticationFailed):
        open_with_passphrase([Slot(header, MADE.body)], PASSPHRASE)
    assert parse_slot(header.encode() + MADE.body).header == header


RANDOM = [
    Credential(SlotKind.RECOVERY, bytes(range(20))),
    Credential(SlotKind.KEY_FILE, bytes(range(32))),
]


@pytest.mark.parametrize("credential", RANDOM)
def test_random_slot_opens_with_its_secret_alone(
    credential: Credential,
) -> None:
    made = make_random_slot(TERMS, MASTER, credential, 17)
    parsed = parse_slot(made.encode())
    assert open_slots([MADE, parsed], credential) == (MASTER, made)
    others = (
        Credential(credential.kind, credential.secret + b"x"),
        *(each for each in RANDOM if each != credential),
        Credential(SlotKind.PASSPHRASE, credential.secret),
    )
    for other in others:
        with pytest.raises(AuthenticationFailed):
            open_slots([parsed], other)


def test_same_bytes_of_another_kind_open_nothing() -> None:
    secret = bytes(32)
    recovery = Credential(SlotKind.RECOVERY, secret)
    made = make_random_slot(TERMS, MASTER, recovery, 17)
    header = replace(made.header, kind=SlotKind.KEY_FILE)
    with pytest.raises(AuthenticationFailed):
        open_slots(
            [Slot(header, made.body)], Credential(SlotKind.KEY_FILE, secret)
        )


def test_random_slot_with_a_cost_is_damaged() -> None:
    header = SlotHeader(TERMS, SlotKind.KEY_FILE, 17, CHEAP, SALT)
    with pytest.raises(IntegrityError):
        parse_slot(header.encode() + MADE.body)


@pytest.mark.parametrize("size", [0, 31, (1 << 20) + 1])
def test_key_file_of_a_guessable_size_is_refused(size: int) -> None:
    with pytest.raises(AuthenticationFailed, match="key file"):
        check_key_file(bytes(size))


def test_credential_shows_no_secret() -> None:
    assert "horse" not in repr(Credential(SlotKind.PASSPHRASE, b"horse"))
