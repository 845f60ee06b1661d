# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The signs of buttons and states, as lines on a field of 24 by 24.

Pure data. A state's sign has a form of its own, so that none is told by its
colour alone.
"""

from typing import Dict

# SVG without its frame; drawn with round lines of 2, not filled.
GLYPHS: Dict[str, str] = {
    "backup": '<path d="M12 15V3M7 8l5-5 5 5M3 15v6h18v-6"/>',
    "restore": '<path d="M12 3v12M7 10l5 5 5-5M3 15v6h18v-6"/>',
    "sessions": '<path d="M4 5v5h5M4.6 10a8 8 0 1 1-.4 4M12 8v5l3 2"/>',
    "verify": '<circle cx="10" cy="10" r="7"/>'
    '<path d="M15 15l6 6M7 10l2.3 2.3L13 8"/>',
    "include": '<circle cx="12" cy="12" r="9"/><path d="M12 8v8M8 12h8"/>',
    "exclude": '<circle cx="12" cy="12" r="9"/><path d="M8 12h8"/>',
    "protect": '<rect x="5" y="11" width="14" height="10" rx="2"/>'
    '<path d="M8 11V7a4 4 0 0 1 8 0v4"/>',
    "pause": '<path d="M8 5v14M16 5v14"/>',
    "resume": '<path d="M7 4l13 8-13 8z"/>',
    "cancel": '<rect x="5" y="5" width="14" height="14" rx="1"/>',
    "refresh": '<path d="M20 4v5h-5M19.5 9a8 8 0 1 0 .5 4"/>',
    "settings": '<path d="M4 7h9M17 7h3M4 17h3M11 17h9"/>'
    '<circle cx="15" cy="7" r="2"/><circle cx="9" cy="17" r="2"/>',
    "charts": '<path d="M4 20h17M7 16v-5M12 16V5M17 16V9"/>',
    "new": '<path d="M4 8h16v12H4zM3 4h18v4H3zM12 11v6M9 14h6"/>',
    "open": '<path d="M3 19V5h6l2 3h8v3M3 19l3-8h16l-3 8z"/>',
    "log": '<path d="M5 3h14v18H5zM8 8h8M8 12h8M8 16h5"/>',
    "request": '<path d="M6 17V11a6 6 0 0 1 12 0v6l2 2H4zM10 21h4"/>',
    "approve": '<path d="M4 12l6 6L20 6"/>',
    "deny": '<path d="M6 6l12 12M18 6L6 18"/>',
    "block": '<circle cx="12" cy="12" r="9"/><path d="M6 6l12 12"/>',
    "check": '<path d="M12 2l8 3v6c0 5-3.5 9-8 11-4.5-2-8-6-8-11V5z'
    'M8 12l3 3 5-6"/>',
    "run": '<path d="M4 8h16v12H4zM3 4h18v4H3zM12 18v-7M9 14l3-3 3 3"/>',
    "copy": '<path d="M8 8h12v12H8zM4 16V4h12"/>',
    "dismiss": '<path d="M7 7l10 10M17 7L7 17"/>',
    "quit": '<path d="M10 4H4v16h6M14 8l5 4-5 4M19 12H9"/>',
    "columns": '<path d="M3 4h18v16H3zM9 4v16M15 4v16"/>',
    "keys": '<path d="M2 6h20v12H2zM6 10h.1M10 10h.1M14 10h.1M18 10h.1'
    'M8 14h8"/>',
    "about": '<circle cx="12" cy="12" r="9"/><path d="M12 11v6M12 7h.1"/>',
    "compare": '<path d="M3 4h7v16H3zM14 4h7v16h-7zM5.5 9h2M16.5 9h2'
    'M5.5 13h2M16.5 15h2"/>',
    "delete": '<path d="M4 6h16M9 6V3h6v3M6 6l1 15h10l1-15M10 10v7M14 10v7"/>',
    "unprotect": '<rect x="5" y="11" width="14" height="10" rx="2"/>'
    '<path d="M8 11V7a4 4 0 0 1 7.6-1.7"/>',
    "closer": '<circle cx="10" cy="10" r="7"/>'
    '<path d="M15 15l6 6M7 10h6M10 7v6"/>',
    "farther": '<circle cx="10" cy="10" r="7"/>'
    '<path d="M15 15l6 6M7 10h6"/>',
    "whole": '<path d="M3 12h18M7 8l-4 4 4 4M17 8l4 4-4 4"/>',
    # States.
    "ok": '<circle cx="12" cy="12" r="9"/><path d="M7.5 12l3 3.5 6-7"/>',
    "late": '<circle cx="12" cy="12" r="9"/><path d="M12 6v6l4 3"/>',
    "alarm": '<path d="M12 3l10 18H2zM12 10v5M12 18h.1"/>',
    "never": '<circle cx="12" cy="12" r="9" stroke-dasharray="3 3.2"/>'
    '<path d="M12 7v6M12 16.5h.1"/>',
    "busy": '<circle cx="12" cy="12" r="9"/><path d="M12 17V8M8 11l4-4 4 4"/>',
    "waiting": '<path d="M7 3h10M7 21h10M8 3c0 6 8 6 8 9s-8 3-8 9'
    'M16 3c0 6-8 6-8 9s8 3 8 9"/>',
    "paused": '<circle cx="12" cy="12" r="9"/><path d="M10 8v8M14 8v8"/>',
    "out": '<circle cx="12" cy="12" r="9"/><path d="M7 12h10"/>',
    "kept": '<path d="M4 8h16v12H4zM3 4h18v4H3zM9 12h6"/>',
    "volume": '<rect x="3" y="5" width="18" height="14" rx="2"/>'
    '<path d="M3 14h18M17 16.5h.1"/>',
}
