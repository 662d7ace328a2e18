"""The schema of the chart's values: whatever is none of it is refused before anything is installed."""

from __future__ import annotations

from deploy.helm.source.settings import all_settable, settable
from deploy.helm.source.shapes import (
    ANYTHING,
    BOOLEAN,
    LABELS,
    NAME,
    OBJECTS,
    PLACEMENT,
    PORT,
    RESOURCES,
    SIZE,
    SOME_OBJECTS,
    TEXT,
    TEXTS,
    Schema,
    having,
    number,
    one_of,
    thing,
    when,
    without,
)
from wharf.common.queues import Queue

ALWAYS = (
    *("owner_database_url", "app_database_url", "dispatch_database_url", "redis_url", "broker_url"),
    *("app_password", "dispatch_password"),
)
OPTIONAL = (
    *("backup_database_url", "backup_password", "first_api_key", "first_platform_key"),
    *("s3_access_key", "s3_secret_key", "smtp_url", "legacy_key", "sentry_dsn"),
)
OF_SERVERS = ("postgres_password", "redis_password", "flower_password")
SERVICE_OF = {
    Queue.INGEST: "ingest-worker",
    Queue.INGEST_BULK: "ingest-worker",
    Queue.PACKAGE: "package-worker",
    Queue.MAINTENANCE: "scheduler",
}
AUTOSCALED = having("autoscaling", having("mode", {"enum": ["hpa", "keda"]}))
ONE_OR_THE_OTHER = [
    when(having("mode", {"const": "hpa"}), without("keda")),
    when(having("mode", {"const": "keda"}), without("hpa")),
    when(having("mode", {"const": "none"}), without("hpa", "keda")),
]


def values() -> Schema:
    """The whole."""
    whole = thing({**_general(), **_processes(), **_around(), **_servers()}, about="Values of the chart wharf.")
    return {"$schema": "http://json-schema.org/draft-07/schema#", "title": "wharf"} | whole


def _general() -> dict[str, Schema]:
    place = thing({"name": TEXT, "key": TEXT})
    image = {"registry": TEXT, "tag": TEXT, "pullPolicy": one_of("Always", "IfNotPresent", "Never")}
    volume = {"enabled": BOOLEAN, "existingClaim": NAME, "size": SIZE, "storageClass": TEXT, "accessModes": TEXTS}
    return {
        "global": ANYTHING,
        "nameOverride": NAME,
        "fullnameOverride": NAME,
        "labels": LABELS,
        "image": thing(image | {"pullSecrets": TEXTS}),
        "settings": thing(all_settable()),
        "ports": thing({"http": PORT, "metrics": PORT}),
        "secrets": thing(
            {
                "name": TEXT,
                "use": {"type": "array", "uniqueItems": True, "items": one_of(*OPTIONAL)},
                "from": thing(dict.fromkeys((*ALWAYS, *OPTIONAL, *OF_SERVERS), place)),
                "version": TEXT,
            }
        ),
        "storage": thing({"url": {"type": "string", "pattern": "^(s3://.+|file:///.+)?$"}, "volume": thing(volume)}),
        "connectionLimit": number(0),
    }


def _processes() -> dict[str, Schema]:
    any_worker = _worker({"settings": thing(settable("ingest-worker") | settable("scheduler"))})
    migration = {"settings": thing(settable("migrate")), "resources": RESOURCES}
    return {
        "gateway": _gateway(),
        "scheduler": thing({"replicas": number(1, 10), "settings": thing(settable("scheduler")), **PLACEMENT}),
        "workerDefaults": any_worker,
        "workers": {"type": "object", "propertyNames": NAME | {"maxLength": 20}, "additionalProperties": _one_worker()},
        "queuesServedElsewhere": {"type": "array", "items": one_of(*Queue)},
        "restore": thing({"enabled": BOOLEAN, "args": TEXTS, "tmpSize": SIZE, "resources": RESOURCES}),
        "migration": thing(migration | {"backoffLimit": number(0), "timeoutSeconds": number(10)}),
    }


def _gateway() -> Schema:
    scaling = {"mode": one_of("none", "hpa"), "minReplicas": number(1), "maxReplicas": number(1), "cpu": number(1, 100)}
    service = {"type": one_of("ClusterIP", "NodePort", "LoadBalancer"), "port": PORT, "annotations": LABELS}
    made = thing(
        {
            "replicas": number(1),
            "autoscaling": thing(scaling),
            "stopSeconds": number(1, 600),
            "drainSeconds": number(0, 60),
            "settings": thing(settable("gateway")),
            "service": thing(service),
            **PLACEMENT,
        }
    )
    return made | when(AUTOSCALED, without("replicas"))


def _one_worker() -> Schema:
    """An entry of `workers`: it names its queue, and takes the settings of the service that serves that."""
    made = _worker({"queue": one_of(*Queue), "settings": ANYTHING}, required=("queue",))
    rules = [when(AUTOSCALED, without("replicas"))]
    for queue, service in SERVICE_OF.items():
        takes = {"properties": {"settings": thing(settable(service))}}
        rules.append(when(having("queue", {"const": queue}), takes))
    made["properties"]["autoscaling"] |= {"allOf": ONE_OR_THE_OTHER}
    return made | {"allOf": rules}


def _worker(more: dict[str, Schema], required: tuple[str, ...] = ()) -> Schema:
    scaling = {"mode": one_of("none", "hpa", "keda"), "minReplicas": number(0), "maxReplicas": number(1)}
    common = {"enabled": BOOLEAN, "replicas": number(0), "slots": number(1, 64), "stopSeconds": number(5, 3600)}
    scaling |= {"scaleDownSeconds": number(0, 3600), "keda": _keda(), "hpa": thing({"cpu": number(1, 100)})}
    return thing({**common, "tmpSize": SIZE, "autoscaling": thing(scaling), **PLACEMENT, **more}, required=required)


def _keda() -> Schema:
    return thing(
        {
            "trigger": one_of("postgresql", "prometheus"),
            "jobsPerSlot": number(1, 1000),
            "waitSeconds": number(1),
            "pollingSeconds": number(1, 600),
            "cooldownSeconds": number(0),
            "fallbackReplicas": number(1),
            "fallbackAfter": number(1),
            "prometheusAddress": {"type": "string", "pattern": "^(https?://.+)?$"},
        }
    )


def _around() -> dict[str, Schema]:
    spread = {"whenUnsatisfiable": one_of("ScheduleAnyway", "DoNotSchedule"), "keys": TEXTS}
    tls = {"type": "array", "items": thing({"secretName": TEXT, "hosts": TEXTS}, required=("secretName",))}
    route = {"enabled": BOOLEAN, "parentRefs": OBJECTS, "hostnames": TEXTS, "annotations": LABELS}
    way = {"enabled": BOOLEAN, "className": TEXT, "annotations": LABELS, "hosts": TEXTS, "tls": tls}
    watched = {"monitor": one_of("none", "pod", "service"), "labels": LABELS, "dashboardLabels": LABELS}
    return {
        "ingress": thing(way),
        "httpRoute": thing(route),
        "serviceAccounts": thing({"annotations": LABELS}),
        "podDisruptionBudgets": thing({"enabled": BOOLEAN, "maxUnavailable": number(1)}),
        "topologySpread": thing({"enabled": BOOLEAN, **spread}),
        "networkPolicy": _network(),
        "monitoring": thing(watched | {"interval": TEXT, "rules": BOOLEAN, "dashboards": BOOLEAN, "runbooks": TEXT}),
    }


def _network() -> Schema:
    towards = thing({"to": OBJECTS, "ports": {"type": "array", "items": PORT, "minItems": 1}})
    servers = ("database", "redis", "broker", "storage", "webhooks", "mail", "traces", "sentry")
    people = dict.fromkeys(("callers", "scrapers", "flowerCallers", "scalers"), OBJECTS)
    dns = thing({"to": SOME_OBJECTS})
    return thing({"enabled": BOOLEAN, "dns": dns, **people, **dict.fromkeys(servers, towards)})


def _servers() -> dict[str, Schema]:
    common = {"enabled": BOOLEAN, "image": TEXT, "resources": RESOURCES}
    kept = {"size": SIZE, "storageClass": TEXT}
    memory = {"type": "string", "pattern": "^[0-9]+(kB|MB|GB|kb|mb|gb)$"}
    return {
        "flower": thing(common),
        "postgres": thing(common | kept | {"maxConnections": number(20), "sharedBuffers": memory}),
        "redis": thing(common | kept | {"maxMemory": memory}),
        "test": thing({"timeoutSeconds": number(1)}),
    }
