"""How Flower finds our queues: Celery reads this module by its name. The keys' prefix is that of all of Wharf."""

from pathlib import Path

broker_url = Path("/run/secrets/broker_url").read_text("utf-8").strip()
broker_transport_options = {"global_keyprefix": "wharf:"} if broker_url.startswith("redis") else {}
