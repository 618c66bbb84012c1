"""Drawing only: plain values in, messages out.

Every widget here uses Textual's line API, remembers what it drew last, and on new data asks Textual to
repaint only the cells that differ. Nothing here knows Redis, the engine or the application.
"""
