# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Icons are painted, whatever the ground, and told apart by their form."""

from pathlib import Path

import pytest
from PyQt6.QtGui import QColor, QPalette, QPixmap

from wyng_dom0.applet import icons
from wyng_dom0.applet.glyphs import GLYPHS
from wyng_dom0.applet.wording import shown, tip

DESKTOP = Path(__file__).resolve().parents[2] / "desktop"
GROUNDS = ("#f0f0f0", "#232629")
# Ground and text, as desktops have them for those who see little.
HIGH_CONTRAST = (
    *(("#000000", "#ffffff"), ("#ffffff", "#000000")),
    *(("#000000", "#ffff00"), ("#000080", "#ffffff")),
)


def contrast(one: QColor, other: QColor) -> float:
    """The ratio of WCAG 2: 4.5 and more is read with ease."""

    def light(colour: QColor) -> float:
        parts = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
            for c in colour.getRgbF()[:3]
        ]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    high, low = sorted((light(one), light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("ground", GROUNDS)
def test_each_tone_is_read_on_its_ground(qapp: object, ground: str) -> None:
    palette = QPalette(QColor(ground))
    for kind in range(6):
        colour = icons.tone(kind, palette)
        assert contrast(colour, QColor(ground)) >= 4.5, kind


@pytest.mark.parametrize("ground, text", HIGH_CONTRAST)
def test_high_contrast_stays_high(qapp: object, ground: str, text: str) -> None:
    palette = QPalette(QColor(ground))
    palette.setColor(QPalette.ColorRole.Window, QColor(ground))
    palette.setColor(QPalette.ColorRole.WindowText, QColor(text))
    assert icons.tone(icons.PLAIN, palette) == QColor(text)
    for kind in range(6):
        colour = icons.tone(kind, palette)
        assert contrast(colour, QColor(ground)) >= 7, kind


def ink(pixmap: QPixmap) -> "tuple[bool, ...]":
    image = pixmap.toImage()
    return tuple(
        image.pixelColor(x, y).alpha() > 99
        for y in range(image.height())
        for x in range(image.width())
    )


def test_each_sign_has_a_form_of_its_own(qapp: object) -> None:
    black = QColor("black")
    forms = {ink(icons.glyph_pixmap(name, black, 24)) for name in GLYPHS}
    assert len(forms) == len(GLYPHS)
    assert all(any(form) for form in forms)


def test_label_has_its_colour_and_none_is_a_disk(qapp: object) -> None:
    red = icons.label_icon("red").pixmap(24).toImage().pixelColor(7, 14)
    assert red.red() > 150 and red.green() < 50
    assert ink(icons.label_icon("no label").pixmap(24))


def test_desktop_icon_is_the_programs_own() -> None:
    file = DESKTOP / "qubes-wyng-manager.svg"
    assert file.read_text("ascii") == icons.APP_SVG


def test_text_from_outside_is_made_plain() -> None:
    assert shown("a\u202eb\nc\x07") == "a\\u202eb\\nc\\x07"
    assert tip("<b>\nx & y") == "<qt>&lt;b&gt;<br>x &amp; y</qt>"
