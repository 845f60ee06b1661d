# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What users are told to choose is called so where they look for it."""

import re
from datetime import datetime, timezone
from pathlib import Path

import pytest

from wyng_dom0.applet.desk import Desk
from wyng_dom0.applet.engine import Engine
from wyng_dom0.applet.main_actions import deeds
from wyng_dom0.applet.recovery_sheet import Sheet, instructions
from wyng_dom0.applet.settings_archives import ArchivesTab
from wyng_dom0.applet.wizard.plan import Plan
from wyng_dom0.applet.wizard.where_page import WherePage

GUIDE = Path(__file__).parents[2] / "doc" / "guide.md"
OPEN = "open-archive"


@pytest.fixture
def words(qapp: object) -> str:
    """The menu's words for opening an archive that is there."""
    (deed,) = [each for each in deeds() if each.id == OPEN]
    return plain(deed.text)


def plain(text: str) -> str:
    return text.replace("&", "").rstrip("…")


def quoted(text: str) -> "list[str]":
    return re.findall("“(.*?)”", text)


def test_sheet_and_wizard_name_what_the_menu_has(
    words: str, qapp: object
) -> None:
    now = datetime(2026, 11, 1, tzinfo=timezone.utc)
    sheet = Sheet("a", "file:/b", "id", "head", (), now, ())
    said = " ".join(text for text, _ in instructions(sheet))
    assert words in quoted(said)
    page = WherePage(Desk(Engine(["true"])), Plan())
    assert quoted(page._is_archive("")) == [words]


def test_settings_and_guide_say_it_with_the_same_verb(
    words: str, qapp: object
) -> None:
    verb = words.split()[0]
    tab = ArchivesTab(Desk(Engine(["true"])))
    assert plain(tab._found.text()).split()[0] == verb
    guide = GUIDE.read_text()
    for deed in deeds():
        if deed.id in (OPEN, "new-archive"):
            assert f"*{plain(deed.text)}*" in guide
