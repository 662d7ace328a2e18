"""Addresses of servers as URLs, and what is derived from them."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit, urlunsplit


def postgres_url(port: int, user: str, password: str, database: str) -> str:
    """The libpq URI of a database of our own server."""
    return f"postgresql://{user}:{password}@127.0.0.1:{port}/{database}"


def redis_url(port: int, password: str, database: int = 0) -> str:
    """The URL of a database of our own Redis."""
    return f"redis://:{password}@127.0.0.1:{port}/{database}"


def as_libpq(url: str) -> str:
    """`url` as libpq understands it: without the driver's name that SQLAlchemy puts into the scheme."""
    return re.sub(r"^(postgres|postgresql)(\+\w+)?://", "postgresql://", url)


def as_role(url: str, user: str, password: str) -> str:
    """The same server and database as another user."""
    parts = urlsplit(url)
    hosts = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(user)}:{quote(password, safe='')}@{hosts}"))


def next_redis_database(url: str) -> str:
    """The same Redis, one database further: broker and progress never share one."""
    parts = urlsplit(url)
    number = parts.path.strip("/")
    return urlunsplit(parts._replace(path=f"/{int(number or 0) + 1}"))
