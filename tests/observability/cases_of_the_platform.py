"""Servers, storage, schedules, backups and scrapes: what makes an alert fire, and what must not."""

from __future__ import annotations

from tests.observability.case import Case

SCALER = {"namespace": "w", "horizontalpodautoscaler": "keda-hpa-wharf-ingest"}
OF_IT = 'namespace="w",horizontalpodautoscaler="keda-hpa-wharf-ingest"'
PLATFORM = (
    Case("WharfBrokerEvicts", "its policy", {"wharf_broker_evicts": "1x5"}, 3, ({},), "critical"),
    Case(
        "WharfBrokerEvicts",
        "it did",
        {"wharf_broker_evicts": "0x9", "wharf_broker_evicted_keys_total": "0x3 5x6"},
        6,
        ({},),
        "critical",
    ),
    Case(
        "WharfBrokerEvicts", "long ago", {"wharf_broker_evicts": "0x30", "wharf_broker_evicted_keys_total": "5x30"}, 30
    ),
    Case(
        "WharfBrokerFull",
        "19 of 20",
        {"wharf_broker_memory_bytes": "95x10", "wharf_broker_memory_max_bytes": "100x10"},
        8,
        ({},),
    ),
    Case(
        "WharfBrokerFull",
        "without a limit",
        {"wharf_broker_memory_bytes": "95x10", "wharf_broker_memory_max_bytes": "0x10"},
        8,
    ),
    Case(
        "WharfDatabasePoolSaturated",
        "all, all the time",
        {'wharf_database_pool_used{instance="g"}': "5x10", 'wharf_database_pool_size{instance="g"}': "5x10"},
        6,
        ({"instance": "g"},),
    ),
    Case(
        "WharfDatabasePoolSaturated",
        "now and then",
        {'wharf_database_pool_used{instance="g"}': "5 1 5 2 5 0 5", 'wharf_database_pool_size{instance="g"}': "5x10"},
        6,
    ),
    Case(
        "WharfDatabaseConnectionsUsedUp",
        "95 of 100",
        {"wharf_database_connections": "95x10", "wharf_database_connections_max": "100x10"},
        8,
        ({},),
        "critical",
    ),
    Case(
        "WharfDatabaseConnectionsUsedUp",
        "half",
        {"wharf_database_connections": "50x10", "wharf_database_connections_max": "100x10"},
        8,
    ),
    Case(
        "WharfStorageErrors",
        "many",
        {'wharf_storage_errors_total{code="storage_unavailable"}': "0+2x10"},
        8,
        ({"code": "storage_unavailable"},),
    ),
    Case("WharfStorageErrors", "one", {'wharf_storage_errors_total{code="storage_unavailable"}': "0x5 1x10"}, 8),
    Case(
        "WharfDiskFillsUp",
        "a twentieth is left",
        {"wharf_storage_free_bytes": "5x30", "wharf_storage_size_bytes": "100x30"},
        20,
        ({},),
    ),
    Case(
        "WharfDiskFillsUp",
        "half, and a tenth less every hour",
        {"wharf_storage_free_bytes": "60-0.166x400", "wharf_storage_size_bytes": "100x400"},
        200,
        ({},),
    ),
    Case(
        "WharfDiskFillsUp",
        "a large file",
        {"wharf_storage_free_bytes": "90-1x40", "wharf_storage_size_bytes": "100x40"},
        38,
    ),
    Case(
        "WharfDiskFillsUp", "half", {"wharf_storage_free_bytes": "50x200", "wharf_storage_size_bytes": "100x200"}, 200
    ),
    Case(
        "WharfScalerAtMax",
        "ten of ten",
        {
            f"kube_horizontalpodautoscaler_status_current_replicas{{{OF_IT}}}": "10x20",
            f"kube_horizontalpodautoscaler_spec_max_replicas{{{OF_IT}}}": "10x20",
        },
        18,
        (SCALER,),
    ),
    Case(
        "WharfScalerAtMax",
        "nine of ten",
        {
            f"kube_horizontalpodautoscaler_status_current_replicas{{{OF_IT}}}": "9x20",
            f"kube_horizontalpodautoscaler_spec_max_replicas{{{OF_IT}}}": "10x20",
        },
        18,
    ),
    Case(
        "WharfCollectorFails",
        "no scheduler sees the ledger",
        {'wharf_collector_up{source="ledger"}': "0x5"},
        4,
        ({"source": "ledger"},),
        "critical",
    ),
    Case("WharfCollectorFails", "there is none", {"up": "1x5"}, 4, ({},), "critical"),
    Case(
        "WharfCollectorFails",
        "one of two sees it",
        {
            'wharf_collector_up{instance="a",source="ledger"}': "0x5",
            'wharf_collector_up{instance="b",source="ledger"}': "1x5",
        },
        4,
    ),
    Case(
        "WharfTargetDown",
        "one of two",
        {'up{job="wharf",instance="a"}': "0x5", 'up{job="wharf",instance="b"}': "1x5"},
        4,
        ({"job": "wharf", "instance": "a"},),
        "critical",
    ),
    Case("WharfTargetDown", "none is known", {'up{job="other"}': "1x5"}, 4, ({"job": "wharf"},), "critical"),
    Case("WharfTargetDown", "all are up", {'up{job="wharf",instance="a"}': "1x5"}, 4),
    Case("WharfWatchdog", "always", {"up": "1x5"}, 1, ({},), "none"),
)
