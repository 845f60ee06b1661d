# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""All that the window says can be said in another language."""

import ast
import gettext
import io
import struct
from pathlib import Path

import pytest
from PyQt6.QtWidgets import (
    QAbstractButton,
    QDialogButtonBox,
    QLabel,
    QTreeView,
)
from pytestqt.qtbot import QtBot

import wyng_dom0.applet
from applet.windows_rig import until
from wyng_dom0.applet import wording
from wyng_dom0.applet.desk import Desk
from wyng_dom0.applet.settings_dialog import SettingsDialog
from wyng_dom0.applet.standing import counted_rows
from wyng_dom0.applet.wording import duration, tr

SOURCES = sorted(Path(wyng_dom0.applet.__file__).parent.rglob("*.py"))
# Which of their arguments are texts.
LOOKED_UP = {"tr": (0,), "counted": (1, 2)}
POLISH = (
    "Content-Type: text/plain; charset=UTF-8\n"
    "Plural-Forms: nplurals=3; plural=(n==1 ? 0 : n%10>=2 && n%10<=4"
    " && (n%100<10 || n%100>=20) ? 1 : 2);\n"
)


def compiled(texts: "dict[str, str]") -> gettext.GNUTranslations:
    """A .mo file as msgfmt writes it; \\0 is between the forms of one text."""
    pairs = sorted((k.encode(), v.encode()) for k, v in texts.items())
    at = 28 + 16 * len(pairs)
    tables, data = [b"", b""], b""
    for side in (0, 1):
        for pair in pairs:
            tables[side] += struct.pack("<II", len(pair[side]), at + len(data))
            data += pair[side] + b"\0"
    head = (0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, 0)
    whole = struct.pack("<7I", *head) + tables[0] + tables[1] + data
    return gettext.GNUTranslations(io.BytesIO(whole))


def test_texts_and_their_plurals_are_looked_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = {
        "": POLISH,
        "never": "nigdy",
        "{0} min": "{0} min.",
        "{0} volume\0{0} volumes": "{0} wolumin\0{0} woluminy\0{0} woluminów",
    }
    monkeypatch.setattr(wording, "_texts", compiled(texts))
    assert tr("never") == "nigdy"
    assert duration(130) == "2 min."
    counts = [counted_rows(each, False) for each in (1, 2, 5, 22)]
    assert counts == ["1 wolumin", "2 woluminy", "5 woluminów", "22 woluminy"]
    assert tr("not translated yet") == "not translated yet"


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_texts_are_constants_that_translators_find(source: Path) -> None:
    for node in ast.walk(ast.parse(source.read_text("utf-8"))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        for place in LOOKED_UP.get(node.func.id, ()):
            assert isinstance(node.args[place], ast.Constant), node.lineno


class _Marked(gettext.NullTranslations):
    def gettext(self, message: str) -> str:
        return f"«{message}»"


def test_no_text_of_the_settings_is_left_out(
    desk: Desk, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wording, "_texts", _Marked())
    dialog = SettingsDialog(desk, "a")
    qtbot.addWidget(dialog)
    dialog.show()
    until(qtbot, lambda: dialog.isVisible())
    buttons = [
        each
        for each in dialog.findChildren(QAbstractButton)
        # Close, Cancel and the like are Qt's own.
        if not isinstance(each.parent(), QDialogButtonBox)
    ]
    said = [
        *(each.text() for each in buttons),
        *(each.text() for each in dialog.findChildren(QLabel)),
        *(each.accessibleName() for each in dialog.findChildren(QTreeView)),
    ]
    words = [each for each in said if any(map(str.isalpha, each))]
    assert len(words) > 20
    assert [each for each in words if "«" not in each] == []
