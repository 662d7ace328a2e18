"""The whole Wharf stack on one machine, without installing a server.

`LocalStack` starts PostgreSQL, Redis and the services as child processes, keeps them running and stops them in order;
`wharf up` is a thin command around it.
"""

from __future__ import annotations

from wharf.local.connection import Connection
from wharf.local.stack import LocalStack

__all__ = ["Connection", "LocalStack"]
