"""Which node type is the next larger one of its family: twice the cores, twice the memory.

Read off the clouds' own naming: AWS `family.size`, Azure `Standard_<family><cores>…`, Google `family-kind-cores`. The older
Azure names count sizes instead of cores (DS3_v2 has 4 cores, DS4_v2 8). A name that fits no pattern has no larger one
here; the policy's `compute.larger_node` can name it.
"""

import re

_AWS_SIZES = ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "16xlarge")
_AWS = re.compile(r"([a-z0-9-]+)\.([0-9]*x?large)")
_AZURE_COUNTED = re.compile(r"Standard_(DS?)([1-4])_v2")
_AZURE_CORES = re.compile(r"Standard_([DELF][a-z]{0,3}|E)([0-9]+)([a-z]*)((?:_v[0-9]+)?)")
_GOOGLE = re.compile(r"([a-z0-9]+-(?:standard|highmem|highcpu))-([0-9]+)")
_MOST_CORES = 64


def next_larger(node_type: str) -> str | None:
    """None when nothing larger is known."""
    if aws := _AWS.fullmatch(node_type):
        family, size = aws.groups()
        place = _AWS_SIZES.index(size) if size in _AWS_SIZES else len(_AWS_SIZES)
        return f"{family}.{_AWS_SIZES[place + 1]}" if place + 1 < len(_AWS_SIZES) else None
    if counted := _AZURE_COUNTED.fullmatch(node_type):
        return f"Standard_{counted[1]}{int(counted[2]) + 1}_v2"
    if (azure := _AZURE_CORES.fullmatch(node_type)) and 2 * int(azure[2]) <= _MOST_CORES:
        return f"Standard_{azure[1]}{2 * int(azure[2])}{azure[3]}{azure[4]}"
    if (google := _GOOGLE.fullmatch(node_type)) and 2 * int(google[2]) <= _MOST_CORES:
        return f"{google[1]}-{2 * int(google[2])}"
    return None
