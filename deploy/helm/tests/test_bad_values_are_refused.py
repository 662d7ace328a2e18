"""Each mistake is refused before anything is installed, with a sentence that tells what to do."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import yaml

from deploy.helm.tests.rendering import CHART, Values, refused

Refusal = Callable[[Values], str]
KEDA = {"mode": "keda"}
BY_THE_SCHEMA: dict[str, tuple[Values, str]] = {
    "an unknown value": ({"gatway": {}}, "gatway"),
    "an unknown value inside": ({"gateway": {"replica": 2}}, "replica"),
    "a text for a number": ({"scheduler": {"replicas": "two"}}, "replicas"),
    "a text for a switch": ({"flower": {"enabled": "yes"}}, "enabled"),
    "an unknown setting": ({"settings": {"WHARF_LOG_LEVLE": "INFO"}}, "WHARF_LOG_LEVLE"),
    "a setting out of its bounds": ({"settings": {"WHARF_LEASE_SECONDS": 1}}, "WHARF_LEASE_SECONDS"),
    "a setting of another type": ({"settings": {"WHARF_BULK_BYTES": "32MB"}}, "WHARF_BULK_BYTES"),
    "a setting that is none of the service's": (
        {"workers": {"package": {"settings": {"WHARF_PART_BYTES": 2**20}}}},
        "WHARF_PART_BYTES",
    ),
    "a setting with a value of its own": ({"gateway": {"settings": {"WHARF_PORT": 80}}}, "WHARF_PORT"),
    "a secret as a value": ({"settings": {"WHARF_DATABASE_URL": "postgresql://"}}, "WHARF_DATABASE_URL"),
    "an unknown secret": ({"secrets": {"use": ["api_key"]}}, "secrets.use.0"),
    "an unknown queue": ({"workers": {"other": {"queue": "exports"}}}, "queue"),
    "a worker without a queue": ({"workers": {"other": {"slots": 2}}}, "queue"),
    "both HPA and KEDA": ({"workers": {"ingest": {"autoscaling": {**KEDA, "hpa": {"cpu": 50}}}}}, "autoscaling"),
    "KEDA's numbers with HPA": (
        {"workers": {"ingest": {"autoscaling": {"mode": "hpa", "keda": {"jobsPerSlot": 2}}}}},
        "autoscaling",
    ),
    "two modes": ({"workers": {"ingest": {"autoscaling": {"mode": "hpa,keda"}}}}, "mode"),
    "replicas with autoscaling": ({"workers": {"ingest": {"replicas": 3, "autoscaling": KEDA}}}, "workers.ingest"),
    "a gateway's replicas with autoscaling": ({"gateway": {"replicas": 3, "autoscaling": {"mode": "hpa"}}}, "gateway"),
    "KEDA for the gateway": ({"gateway": {"autoscaling": KEDA}}, "mode"),
    "a version of the scheduler's own": ({"scheduler": {"image": {"tag": "0.0.9"}}}, "image"),
    "a storage of another kind": ({"storage": {"url": "gs://bucket"}}, "url"),
    "names that everybody may resolve": ({"networkPolicy": {"dns": {"to": []}}}, "networkPolicy.dns.to"),
    "no scheduler": ({"scheduler": {"replicas": 0}}, "replicas"),
}
BY_A_SENTENCE: dict[str, tuple[Values, str]] = {
    "an older version": ({"image": {"tag": "0.0.9"}}, "Take the chart of that version"),
    "one half of S3's key": ({"secrets": {"use": ["s3_access_key"]}}, "Name both, or neither"),
    "one half of the backups": ({"secrets": {"use": ["backup_password"]}}, "there are no backups then"),
    "no storage": ({"storage": {"url": ""}}, "storage.url is empty"),
    "a folder of each pod's own": ({"storage": {"url": "file:///data/objects"}}, "Enable the volume"),
    "a folder beside the volume": (
        {"storage": {"url": "file:///elsewhere", "volume": {"enabled": True}}},
        "outside the volume",
    ),
    "a volume that nobody uses": ({"storage": {"volume": {"enabled": True}}}, "Disable the volume"),
    "two ways in": (
        {"ingress": {"enabled": True, "hosts": ["w"]}, "httpRoute": {"enabled": True, "parentRefs": [{"name": "p"}]}},
        "Choose one way in",
    ),
    "an ingress to nothing": ({"ingress": {"enabled": True}}, "Name at least one host"),
    "a route of no gateway": ({"httpRoute": {"enabled": True}}, "Name the Gateway"),
    "a queue that nobody serves": ({"workers": {"package": {"enabled": False}}}, "No worker serves the queue package"),
    "imports that go to zero": (
        {"workers": {"ingest": {"autoscaling": {**KEDA, "minReplicas": 0}}}},
        "only workers of the queue package may go to zero",
    ),
    "an HPA from zero": (
        {"workers": {"package": {"autoscaling": {"mode": "hpa", "minReplicas": 0}}}},
        "Say mode: keda",
    ),
    "bounds the wrong way round": (
        {"workers": {"package": {"autoscaling": {**KEDA, "minReplicas": 9}}}},
        "is more than maxReplicas",
    ),
    "replicas where all are autoscaled": (
        {"workerDefaults": {"autoscaling": KEDA}, "workers": {"ingest": {"replicas": 3}}},
        "Say minReplicas and maxReplicas",
    ),
    "an HPA's numbers where all have KEDA": (
        {"workerDefaults": {"autoscaling": KEDA}, "workers": {"ingest": {"autoscaling": {"hpa": {"cpu": 50}}}}},
        "Say one of them only",
    ),
    "a Prometheus nowhere": (
        {"workers": {"ingest": {"autoscaling": {**KEDA, "keda": {"trigger": "prometheus"}}}}},
        "Say where your Prometheus answers",
    ),
    "more in need than at most": (
        {"workers": {"ingest": {"autoscaling": {**KEDA, "maxReplicas": 1}}}},
        "fallbackReplicas is more than maxReplicas",
    ),
    "more connections than there are": (
        {"connectionLimit": 100, "workers": {"ingest": {"slots": 16, "replicas": 4}}},
        "connections to PostgreSQL, which allows 100",
    ),
}


@pytest.mark.parametrize(("values", "named"), BY_THE_SCHEMA.values(), ids=BY_THE_SCHEMA)
def test_the_schema_refuses(refusal: Refusal, values: Values, named: str) -> None:
    """And names what is wrong."""
    said = refusal(values)
    assert "don't meet the specifications of the schema" in said
    assert named in said


@pytest.mark.parametrize(("values", "sentence"), BY_A_SENTENCE.values(), ids=BY_A_SENTENCE)
def test_a_sentence_stops(refusal: Refusal, values: Values, sentence: str) -> None:
    """What no schema can say."""
    assert sentence in refusal(values)


def test_a_secret_that_nobody_named_stops() -> None:
    """All of them come from a Secret of the user's, which has no default name."""
    assert "No Secret is named for owner_database_url" in refused({"storage": {"url": "s3://files"}})


def test_the_schema_knows_every_value_and_the_values_every_word_of_it() -> None:
    """What can be said has its default in values.yaml, but for what a default would contradict."""
    values = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    schema = yaml.safe_load((CHART / "values.schema.json").read_text("utf-8"))
    assert set(schema["properties"]) - set(values) == {"global"}
    without = {"settings", "from", "workers", "podAnnotations", "nodeSelector", "affinity", "annotations", "labels"}

    def compare(where: str, given: object, said: Values) -> None:
        if not isinstance(given, dict) or "properties" not in said:
            return
        missing = set(said["properties"]) - set(given) - {"replicas"}
        assert not missing, f"{where}: {missing}"
        for name in set(given) - without:
            compare(f"{where}.{name}", given[name], said["properties"][name])

    compare("", values | {"global": {}}, schema)
