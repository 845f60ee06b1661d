# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The window and the tray icon: they show, start, pause, cancel.

All that is done is done by `qvm-wyng --json`, a process of its own each time;
nothing here opens an archive, a key or a file of the state, and nothing here
waits. doc/interfaces.md is all that this package knows of the engine.
"""
