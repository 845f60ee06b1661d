# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Asking: who answers, who may not, and where a passphrase comes from."""

import io
from typing import Any

import pytest
from pytest_mock import MockerFixture

from wyng_dom0.cli import prompts
from wyng_dom0.cli.passcmd import run_passcmd
from wyng_dom0.cli.prompts import TerminalPrompts
from wyng_dom0.errors import AuthenticationFailed, BadInput, Refused

HERE = TerminalPrompts(unattended=False)
NOBODY = TerminalPrompts(unattended=True)


class Stdin(io.StringIO):
    """A standard input of one text, read as text or as bytes."""

    @property
    def buffer(self) -> Any:
        return io.BytesIO(self.getvalue().encode("utf-8", "surrogateescape"))


def typed(mocker: MockerFixture, *lines: str) -> Any:
    return mocker.patch("getpass.getpass", side_effect=list(lines))


def stdin(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", Stdin(text))


@pytest.mark.parametrize("answer", ["y\n", "Y\n", " yes \n"])
def test_yes_goes_on(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    stdin(monkeypatch, answer)
    HERE.confirm("Overwrite out.img?")


@pytest.mark.parametrize("answer", ["", "\n", "n\n", "yess\n", "no\n"])
def test_all_else_is_no(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    stdin(monkeypatch, answer)
    with pytest.raises(Refused, match="nothing was done"):
        HERE.confirm("Overwrite out.img?")


def test_nobody_can_answer_when_unattended() -> None:
    with pytest.raises(Refused, match="Overwrite out.img; say --force"):
        NOBODY.confirm("Overwrite out.img?")


def test_closed_stdin_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(Refused):
        HERE.confirm("Overwrite?")
    with pytest.raises(AuthenticationFailed, match="closed"):
        NOBODY.passphrase("the archive")


def test_name_must_be_typed_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin(monkeypatch, "laptop\n")
    HERE.type_name("Accept the older archive?", "laptop")
    stdin(monkeypatch, "Laptop\n")
    with pytest.raises(Refused, match="not the name"):
        HERE.type_name("Accept the older archive?", "laptop")


def test_questions_leave_stdout_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stdin(monkeypatch, "y\n")
    HERE.confirm("Overwrite?")
    out, err = capsys.readouterr()
    assert out == "" and "Overwrite? [y/N]" in err


def test_passphrase_is_read_without_echo(mocker: MockerFixture) -> None:
    typed(mocker, "geheim ä")
    assert HERE.passphrase("laptop") == "geheim ä".encode()


def test_unattended_passphrase_is_the_first_line_of_stdin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stdin(monkeypatch, "secret words\nmore\n")
    assert NOBODY.passphrase("laptop") == b"secret words"
    stdin(monkeypatch, "no newline")
    assert NOBODY.new_passphrase("laptop") == b"no newline"
    for nothing in ("", "\n"):
        stdin(monkeypatch, nothing)
        with pytest.raises(AuthenticationFailed, match="no passphrase"):
            NOBODY.passphrase("laptop")


def test_generated_passphrase_is_offered_first(
    monkeypatch: pytest.MonkeyPatch, mocker: MockerFixture
) -> None:
    mocker.patch.object(prompts, "generate_passphrase", lambda: "one two")
    stdin(monkeypatch, "\n")
    typed(mocker, "one too", " one  two ")
    assert HERE.new_passphrase("laptop") == b"one two"


def test_generated_one_must_be_typed_once(
    monkeypatch: pytest.MonkeyPatch, mocker: MockerFixture
) -> None:
    stdin(monkeypatch, "y\n")
    typed(mocker, "a", "b", "c")
    with pytest.raises(BadInput, match="not typed as shown"):
        HERE.new_passphrase("laptop")


def test_own_passphrase_is_typed_twice(
    monkeypatch: pytest.MonkeyPatch, mocker: MockerFixture
) -> None:
    stdin(monkeypatch, "n\n")
    typed(mocker, "one", "two", "own", "own")
    assert HERE.new_passphrase("laptop") == b"own"


@pytest.mark.parametrize(
    "own, is_weak",
    [
        ("qubes2026", True),
        ("correct horse battery staple", True),
        ("xK9#vQ2!mZ7pL4@wR8", False),
    ],
)
def test_own_passphrase_that_is_weak_is_told(
    monkeypatch: pytest.MonkeyPatch,
    mocker: MockerFixture,
    capsys: pytest.CaptureFixture[str],
    own: str,
    is_weak: bool,
) -> None:
    stdin(monkeypatch, "n\n")
    typed(mocker, own, own)
    assert HERE.new_passphrase("laptop") == own.encode()
    assert ("easy to guess" in capsys.readouterr().err) is is_weak
    stdin(monkeypatch, "n\n")
    typed(mocker, *"abcdef")
    with pytest.raises(BadInput, match="typed twice the same in 3 tries"):
        HERE.new_passphrase("laptop")


def test_empty_passphrase_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
    mocker: MockerFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stdin(monkeypatch, "n\n")
    typed(mocker, "", "own", "own")
    assert HERE.new_passphrase("laptop") == b"own"
    assert "It can't be empty." in capsys.readouterr().err


def test_empty_passphrase_of_an_archive_is_none(mocker: MockerFixture) -> None:
    typed(mocker, "")
    with pytest.raises(AuthenticationFailed, match="no passphrase was typed"):
        HERE.passphrase("laptop")


@pytest.mark.parametrize("how", [EOFError, KeyboardInterrupt])
def test_interrupted_prompt_ends_its_line(
    monkeypatch: pytest.MonkeyPatch,
    mocker: MockerFixture,
    capsys: pytest.CaptureFixture[str],
    how: "type[BaseException]",
) -> None:
    mocker.patch("getpass.getpass", side_effect=how)
    with pytest.raises((AuthenticationFailed, KeyboardInterrupt)):
        HERE.passphrase("laptop")
    assert capsys.readouterr().err == "\n"


def test_unanswered_question_ends_its_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stdin(monkeypatch, "")
    with pytest.raises(Refused):
        HERE.confirm("Sure?")
    assert capsys.readouterr().err == "Sure? [y/N] \n"


def test_passcmd_gives_its_first_line() -> None:
    assert run_passcmd("printf 'a b\\nc\\n'") == b"a b"
    asked = TerminalPrompts(unattended=False, passcmd="echo x")
    assert asked.passphrase("l") == asked.new_passphrase("l") == b"x"


def test_passcmd_meets_no_shell() -> None:
    assert run_passcmd("echo $HOME; id") == b"$HOME; id"


@pytest.mark.parametrize("command", ["", "  ", "echo 'a", "/no/such/x", "/"])
def test_passcmd_that_can_not_be_meant(command: str) -> None:
    with pytest.raises(BadInput, match="--passcmd"):
        run_passcmd(command)


@pytest.mark.parametrize("command", ["false", "true", "printf '\\nx'"])
def test_passcmd_that_gives_nothing(command: str) -> None:
    with pytest.raises(AuthenticationFailed, match="--passcmd"):
        run_passcmd(command)
