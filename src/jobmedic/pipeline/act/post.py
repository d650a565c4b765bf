"""Each letter is sent by one pass: claimed in the ledger before it goes out, as an action is before its call.

Two passes at once hold different decisions that one letter covers, so their claims on the decisions do not keep them apart.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from pyspark.sql import Row
from pyspark.sql import functions as F

from jobmedic.pipeline.plan import Plan, left_behind
from jobmedic.ports.ledger import Ledger
from jobmedic.transforms.columns import from_micros, instant


@dataclass(frozen=True, slots=True)
class Letter:
    letter_id: str
    fingerprint: str | None
    recipient: str | None = None
    incident_id: str | None = None


ELSEWHERE = "another pass is just sending this"


class Place(Enum):
    """Where a letter is that a pass wants to send."""

    MINE = "mine"
    SENT = "sent"
    ELSEWHERE = "elsewhere"
    """Another pass, which lives, is about to send it."""


@dataclass(slots=True)
class Post:
    ledger: Ledger
    plan: Plan
    workspace_id: str
    now: datetime
    _results: list[dict[str, object]] = field(default_factory=list)
    _written_at: float = 0.0
    _write_seconds: float = 0.0

    def claim(self, letters: Sequence[Letter]) -> Mapping[str, Place]:
        """By letter id."""
        if not letters:
            return {}
        ids = [letter.letter_id for letter in letters]
        known = self._stored(ids)
        self._insert([letter for letter in letters if letter.letter_id not in known])
        self._take_over([row for row in known.values() if self._left_behind(row)])
        return {letter_id: self._place(row) for letter_id, row in self._stored(ids).items()}

    def sent(self, letter_id: str) -> None:
        self._results.append(
            {"letter_id": letter_id, "sent_at": self.now, "claimed_by": self.plan.claimant, "error": None}
        )
        # A pass that is killed has little to send twice, and writing takes no more time than sending.
        if time.monotonic() - self._written_at >= self._write_seconds:
            self.close()

    def unsent(self, letter_id: str, why: str) -> None:
        """Gives it back for a later pass."""
        self._results.append({"letter_id": letter_id, "sent_at": None, "claimed_by": None, "error": why})

    def close(self) -> None:
        """Writes down what was sent and what was not."""
        if self._results:
            began = time.monotonic()
            self.ledger.merge("letters", self._results)
            self._results.clear()
            self._written_at = time.monotonic()
            self._write_seconds = self._written_at - began

    def sent_since(self, since: datetime) -> Mapping[tuple[str | None, str | None], str]:
        """By recipient and fingerprint, the mail that an owner got."""
        rows = (
            self.ledger.read("letters")
            .where((F.col("workspace_id") == self.workspace_id) & F.col("incident_id").isNull())
            .where(F.col("sent_at") >= instant(since))
            .groupBy("recipient", "fingerprint")
            .agg(F.max("letter_id").alias("letter_id"))
            .collect()
        )
        return {(row["recipient"], row["fingerprint"]): row["letter_id"] for row in rows}

    def _stored(self, ids: Sequence[str]) -> dict[str, Row]:
        rows = (
            self.ledger.read("letters")
            .where(F.col("letter_id").isin(list(ids)))
            .select(
                "letter_id",
                "claimed_by",
                F.unix_micros("claimed_at").alias("micros"),
                F.col("sent_at").isNotNull().alias("sent"),
            )
            .collect()
        )
        return {row["letter_id"]: row for row in rows}

    def _insert(self, letters: Sequence[Letter]) -> None:
        rows = [
            {
                "letter_id": letter.letter_id,
                "recipient": letter.recipient,
                "fingerprint": letter.fingerprint,
                "incident_id": letter.incident_id,
                "claimed_by": self.plan.claimant,
                "claimed_at": self.now,
                "workspace_id": self.workspace_id,
            }
            for letter in letters
        ]
        if rows:
            self.ledger.merge("letters", rows, update=())

    def _take_over(self, rows: Sequence[Row]) -> None:
        """From passes that gave them back, died, or let them grow old; of two that try, one wins."""
        for owner in {row["claimed_by"] for row in rows}:
            taken = [
                {"letter_id": row["letter_id"], "claimed_by": self.plan.claimant, "claimed_at": self.now}
                for row in rows
                if row["claimed_by"] == owner
            ]
            self.ledger.merge("letters", taken, expect={"claimed_by": owner, "sent_at": None})

    def _left_behind(self, row: Row) -> bool:
        return not row["sent"] and left_behind(row["claimed_by"], from_micros(row["micros"]), self.now)

    def _place(self, row: Row) -> Place:
        if row["sent"]:
            return Place.SENT
        return Place.MINE if row["claimed_by"] == self.plan.claimant else Place.ELSEWHERE
