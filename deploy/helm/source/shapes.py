"""Pieces of JSON Schema (draft 7, which Helm reads)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Schema = dict[str, Any]

BOOLEAN: Schema = {"type": "boolean"}
TEXT: Schema = {"type": "string"}
ANYTHING: Schema = {"type": "object"}
"""What Kubernetes itself checks."""
TEXTS: Schema = {"type": "array", "items": TEXT}
OBJECTS: Schema = {"type": "array", "items": ANYTHING}
SOME_OBJECTS: Schema = OBJECTS | {"minItems": 1}
LABELS: Schema = {"type": "object", "additionalProperties": TEXT}
PORT: Schema = {"type": "integer", "minimum": 1, "maximum": 65535}
NAME: Schema = {"type": "string", "pattern": "^([a-z0-9]([a-z0-9-]*[a-z0-9])?)?$", "maxLength": 63}
SIZE: Schema = {"type": "string", "pattern": "^[0-9]+(Ki|Mi|Gi|Ti)$"}
AMOUNT: Schema = {"type": "string", "pattern": "^[0-9.]+(m|Ki|Mi|Gi|Ti)?$"}
RESOURCES: Schema = {
    "type": "object",
    "additionalProperties": False,
    "properties": {side: {"type": "object", "additionalProperties": AMOUNT} for side in ("requests", "limits")},
}
PLACEMENT: dict[str, Schema] = {
    "podAnnotations": LABELS,
    "nodeSelector": LABELS,
    "tolerations": OBJECTS,
    "affinity": ANYTHING,
    "priorityClassName": TEXT,
    "resources": RESOURCES,
}


def thing(properties: dict[str, Schema], *, required: Iterable[str] = (), about: str = "") -> Schema:
    """An object with these properties and no other."""
    made: Schema = {"type": "object", "additionalProperties": False, "properties": properties}
    if wanted := sorted(required):
        made["required"] = wanted
    return made | ({"description": about} if about else {})


def number(least: int, most: int | None = None) -> Schema:
    """A whole number."""
    return {"type": "integer", "minimum": least} | ({"maximum": most} if most is not None else {})


def one_of(*choices: str) -> Schema:
    """One of some words."""
    return {"enum": list(choices)}


def when(condition: Schema, then: Schema) -> Schema:
    """What also holds where the condition does."""
    return {"if": condition, "then": then}


def having(name: str, said: Schema) -> Schema:
    """An object in which that property is there and is so."""
    return {"required": [name], "properties": {name: said}}


def without(*names: str) -> Schema:
    """An object that has none of these."""
    return {"not": {"anyOf": [{"required": [name]} for name in names]}}
