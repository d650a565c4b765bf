"""What a cluster is worth: memory, workers and price, read from its specification.

Memory a core follows the clouds' own families (Azure D 4 GiB, E 8, F 2; AWS m 4, r 8, c 2; GCP standard 4, highmem 8).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DOLLARS_PER_CORE_HOUR = 0.12
SERVERLESS_DOLLARS_PER_HOUR = 1.4

_AZURE = re.compile(r"Standard_([A-Z]+)([0-9]+)")
_AWS = re.compile(r"([a-z])[a-z0-9]*\.([0-9]*)(x?large)")
_GCP = re.compile(r"[a-z0-9]+-(standard|highmem|highcpu)-([0-9]+)")
_AZURE_GIB = {"D": 4, "DS": 4, "E": 8, "F": 2, "L": 8, "M": 16}
_AWS_GIB = {"m": 4, "r": 8, "c": 2, "i": 8}
_GCP_GIB = {"standard": 4, "highmem": 8, "highcpu": 1}


@dataclass(frozen=True, slots=True)
class Size:
    memory_gib: int
    """Of one worker."""
    workers: int
    dollars_per_hour: float
    """Of the whole cluster, driver included."""


SERVERLESS = Size(memory_gib=16, workers=2, dollars_per_hour=SERVERLESS_DOLLARS_PER_HOUR)


def size_of(cluster: Mapping[str, Any] | None) -> Size:
    """None, or a cluster without a node type, counts as serverless."""
    node = (cluster or {}).get("node_type_id")
    if cluster is None or not node:
        return SERVERLESS
    cores, gib = _node(node)
    autoscale = cluster.get("autoscale") or {}
    workers = int(autoscale.get("max_workers") or cluster.get("num_workers") or 0)
    return Size(cores * gib, workers, (1 + workers) * cores * DOLLARS_PER_CORE_HOUR)


def _node(node: str) -> tuple[int, int]:
    """Cores, and GiB a core; 4 and 4 for a name that tells nothing."""
    if match := _AZURE.match(node):
        return int(match[2]), _AZURE_GIB.get(match[1], 4)
    if match := _AWS.match(node):
        cores = 2 if match[3] == "large" and not match[2] else 4 * int(match[2] or 1)
        return cores, _AWS_GIB.get(match[1], 4)
    if match := _GCP.match(node):
        return int(match[2]), _GCP_GIB[match[1]]
    return 4, 4
