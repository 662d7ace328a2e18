"""Sessions of people in the console: a token in a cookie, its SHA-256 in the ledger, as good as the key behind it.

A browser sends the cookie with whatever any page makes it send. So a change that comes with the cookie also has to
bring what only our own pages know: `proof_of` the token.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import text
from starlette.requests import HTTPConnection

from wharf.common.access import Caller, Role, digest_of, identify
from wharf.common.errors import Forbidden
from wharf.common.ledger.database import Database
from wharf.gateway.uses import Uses

COOKIE = "wharf_session"
PROOF_HEADER = "x-csrf-token"
MARK = "ws_"
LONGEST = 100
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
BEGIN = text("SELECT wharf.begin_session(:digest, :key_id, :seconds)")
FIND = text("SELECT * FROM wharf.find_session(:digest, :idle, :used)")
END = text("SELECT wharf.end_session(:digest)")
USE = text("SELECT wharf.use_key(:key_id)")


def is_token(credential: str) -> bool:
    """Whether this is a session's token, rather than a key."""
    return credential.startswith(MARK) and len(credential) <= LONGEST


@dataclass(frozen=True)
class Sessions:
    """The ledger's sessions. `idle` and `lasting` are in seconds."""

    database: Database
    idle: float
    lasting: float
    uses: Uses = field(default_factory=Uses)

    def begin(self, key_id: UUID) -> str:
        """A session for that key: its token, the only time that it is seen."""
        token = MARK + secrets.token_urlsafe(32)
        values = {"digest": digest_of(token), "key_id": key_id, "seconds": self.lasting}
        with self.database.anyone() as connection:
            connection.execute(BEGIN, values)
        return token

    def identify(self, credential: str, *, used: bool = True) -> Caller | None:
        """Whose key or session it is; None where it has ended. `used`: a person is there, and not only their page."""
        if not is_token(credential):
            return self._with_key(credential, used=used)
        values = {"digest": digest_of(credential), "idle": self.idle, "used": used}
        with self.database.anyone() as connection:
            row = connection.execute(FIND, values).mappings().first()
        if row is None:
            return None
        return Caller(row["id"], Role(row["role"]), row["tenant_id"], row["tenant_name"], row["project_id"])

    def _with_key(self, key: str, *, used: bool) -> Caller | None:
        caller = identify(self.database, key)
        if caller is not None and used and self.uses.is_news(caller.key_id):
            with self.database.anyone() as connection:
                connection.execute(USE, {"key_id": caller.key_id})
        return caller

    def end(self, token: str) -> None:
        """End one, everywhere within a second."""
        with self.database.anyone() as connection:
            connection.execute(END, {"digest": digest_of(token)})


def token_of(connection: HTTPConnection) -> str | None:
    """The session's token that came with a request, if one did."""
    token = connection.cookies.get(COOKIE, "")
    return token if is_token(token) else None


def proof_of(token: str) -> str:
    """What our pages bring with a change, and a page of another site cannot know."""
    return hashlib.sha256(b"proof:" + token.encode()).hexdigest()


def refuse_forged(connection: HTTPConnection, token: str, proof: str | None = None) -> None:
    """Raise `Forbidden` for a change that comes with the cookie and without the proof, in its header or given here."""
    if connection.scope.get("method", "GET") in SAFE:
        return
    given = proof or connection.headers.get(PROOF_HEADER, "")
    if not hmac.compare_digest(given.encode(), proof_of(token).encode()):
        message = "This did not come from a page of this session. Load the page anew, then try again."
        raise Forbidden(message, code="forged_request")
