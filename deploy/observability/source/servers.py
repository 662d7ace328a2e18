"""The dashboard Database and broker: what Wharf stands on."""

from __future__ import annotations

from deploy.observability.source.figures import (
    BYTES,
    COUNT,
    PER_SECOND,
    SECONDS,
    SHARE,
    Board,
    Figure,
    Query,
    Row,
    Shape,
    all_of,
    each,
    rate,
    rise,
)

DATABASE = Row(
    "PostgreSQL",
    (
        Figure(
            "Connections",
            "How many are left?",
            "All that PostgreSQL has, and how many it allows.",
            COUNT,
            (
                Query(all_of("wharf_database_connections"), "used"),
                Query(all_of("wharf_database_connections_max"), "allowed"),
            ),
            runbook="WharfDatabaseConnectionsUsedUp",
        ),
        Figure(
            "Gateways' pools",
            "Do requests wait for a connection?",
            "The share of each gateway's connections that is lent out.",
            SHARE,
            (Query("wharf_database_pool_used / wharf_database_pool_size", "{{instance}}"),),
            runbook="WharfDatabasePoolSaturated",
        ),
        Figure(
            "Size",
            "How large does the database get?",
            "All of it: ledger, rejects and datasets.",
            BYTES,
            (Query(all_of("wharf_database_bytes"), "database"),),
        ),
    ),
)
BROKER = Row(
    "Broker and live progress",
    (
        Figure(
            "Memory",
            "Is there room for messages?",
            "What the broker's Redis uses and may use (0: as much as there is).",
            BYTES,
            (
                Query(all_of("wharf_broker_memory_bytes"), "used"),
                Query(all_of("wharf_broker_memory_max_bytes"), "allowed"),
            ),
            runbook="WharfBrokerFull",
        ),
        Figure(
            "Evicted",
            "Does it throw messages away?",
            "Keys that it has thrown away in the time shown, and whether its policy lets it (1).",
            COUNT,
            (
                Query("max(increase(wharf_broker_evicted_keys_total[$__range]))", "evicted"),
                Query(all_of("wharf_broker_evicts"), "policy"),
            ),
            Shape.NUMBER,
            "WharfBrokerEvicts",
            0,
        ),
        Figure(
            "Messages",
            "Does it take them?",
            "Messages that it took, and that it did not take at once.",
            PER_SECOND,
            (
                each(rate, "wharf_messages_published_total", "queue"),
                Query(rate("wharf_publish_failures_total"), "not taken"),
            ),
            runbook="WharfOutboxStalled",
        ),
        Figure(
            "Lost progress",
            "Do pages show what happens?",
            "Snapshots and events that Redis did not take: live progress only, no job depends on it.",
            PER_SECOND,
            (Query(rate("wharf_feed_errors_total"), "not taken"),),
        ),
    ),
)
STORAGE = Row(
    "Object storage",
    (
        Figure(
            "Room",
            "How much is left for files?",
            "Of a local folder; a storage elsewhere has its own monitoring.",
            BYTES,
            (
                Query("min(wharf_storage_free_bytes)", "free"),
                Query("max(wharf_storage_size_bytes)", "in all"),
            ),
            runbook="WharfDiskFillsUp",
        ),
        Figure(
            "Errors",
            "Does it do what it is asked?",
            "Operations that it did not do, in the time shown.",
            COUNT,
            (each(rise, "wharf_storage_errors_total", "code"),),
            runbook="WharfStorageErrors",
        ),
        Figure(
            "Looks",
            "How long does it take to see all this?",
            "Each source of the collector; Prometheus gives up after ten seconds.",
            SECONDS,
            (each(all_of, "wharf_collector_seconds", "source"),),
            runbook="WharfCollectorFails",
        ),
    ),
)
BOARD = Board(
    "servers", "Wharf: Database and broker", "Do the servers carry what Wharf stands on?", (DATABASE, BROKER, STORAGE)
)
