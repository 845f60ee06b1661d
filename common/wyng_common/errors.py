# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The root of both sides' error trees, and the codecs' own errors."""


class WyngError(Exception):
    """Anything this project raises on purpose; its text is one sentence."""


class FormatError(WyngError):
    """Bytes that are not what their place says they must be."""


class FrameError(FormatError):
    """A frame that is cut, out of bounds, or fails its digest."""


class CommitError(FormatError):
    """A commit record that is cut, out of bounds, or fails its hash."""


class NameFault(WyngError):
    """A name of a qube, host, user or archive that can't be one."""


class MessageError(FormatError):
    """A protocol message outside the closed set or out of bounds."""
