"""What keeps the stack from starting, in a sentence for the person who started it."""

from __future__ import annotations

from wharf.common.errors import Permanent


class StartFailed(Permanent):
    """The stack did not start; everything that had been started is stopped again. The message says what to do."""

    code = "start_failed"


class FolderInUse(StartFailed):
    """Another stack runs on this data folder."""

    code = "folder_in_use"


class Interrupted(StartFailed):
    """Somebody asked the stack to stop while it was starting."""

    code = "interrupted"
