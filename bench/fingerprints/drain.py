"""Drain3, as it comes and with the masks that its own documentation recommends."""

from collections.abc import Sequence
from typing import Any

from drain3 import TemplateMiner
from drain3.masking import MaskingInstruction
from drain3.template_miner_config import TemplateMinerConfig

# After the example configuration of the project (examples/drain3.ini: IP, SEQ, HEX, NUM), with paths, ids and mails besides.
MASKS = (
    (r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}", "ID"),
    (r"[A-Za-z0-9._-]+@[A-Za-z0-9-]+\.[A-Za-z.]{2,}", "MAIL"),
    (r"((?<=[^A-Za-z0-9])|^)(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})((?=[^A-Za-z0-9])|$)", "IP"),
    (r"(?<=://)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+", "HOST"),
    (r"(?<![A-Za-z0-9])/(?:[A-Za-z0-9_.=-]+/)+[A-Za-z0-9_.=-]+", "PATH"),
    (r"((?<=[^A-Za-z0-9])|^)(0x[a-f0-9A-F]+)((?=[^A-Za-z0-9])|$)", "HEX"),
    (r"((?<=[^A-Za-z0-9])|^)([0-9a-f]{16,})((?=[^A-Za-z0-9])|$)", "SEQ"),
    (r"((?<=[^A-Za-z0-9])|^)([\-\+]?\d+)((?=[^A-Za-z0-9])|$)", "NUM"),
)


def miner(*, masked: bool) -> Any:
    config = TemplateMinerConfig()
    config.profiling_enabled = False
    if masked:
        config.masking_instructions = [MaskingInstruction(pattern, name) for pattern, name in MASKS]
    return TemplateMiner(config=config)


def groups(texts: Sequence[str], *, masked: bool) -> list[int]:
    """The cluster of each message, after all were seen; a line break is a blank, as Drain reads lines."""
    drain = miner(masked=masked)
    return [drain.add_log_message(text.replace("\n", " "))["cluster_id"] for text in texts]
