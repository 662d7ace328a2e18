"""What went wrong, as one sentence for the person who asked."""

from __future__ import annotations

from typing import Any


class ClientError(Exception):
    """A request that could not be made or was refused.

    `message` says what is wrong and what to do, `code` is stable. `status` is that of the HTTP answer, if there was
    one, and `problems` are its `{loc, code, message}` about the input.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "client_error",
        status: int | None = None,
        problems: list[dict[str, Any]] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status
        self.problems = problems or []
