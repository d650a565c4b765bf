"""Small column expressions that several transforms share."""

from datetime import UTC, datetime, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant(moment: datetime) -> Column:
    """An aware datetime as a TIMESTAMP literal, whatever time zone client and session have."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone; pass an aware datetime")
    return F.timestamp_micros(F.lit((moment - EPOCH) // timedelta(microseconds=1)))


def from_micros(micros: int) -> datetime:
    """The aware datetime of `unix_micros`: exact, and free of what a client makes of a TIMESTAMP."""
    return EPOCH + timedelta(microseconds=micros)


def seconds_between(earlier: Column, later: Column) -> Column:
    return (F.unix_micros(later) - F.unix_micros(earlier)) / F.lit(1_000_000.0)


def later_by(moment: Column, seconds: Column) -> Column:
    """Null when either is."""
    return F.timestamp_micros(F.unix_micros(moment) + (seconds * F.lit(1_000_000)).cast("bigint"))


def matches_glob(value: Column, pattern: str) -> Column:
    """`*` and `?` as in file names, the rest literally; a null value matches only `*`."""
    if pattern == "*":
        return F.lit(True)
    escaped = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return F.coalesce(value.like(escaped.replace("*", "%").replace("?", "_")), F.lit(False))


def tag(name: str) -> Column:
    """The job's tag, trimmed and lower-cased; blank where it has none."""
    # Sail takes six times as long for `tags[name]` as for this.
    place = F.array_position(F.map_keys("tags"), F.lit(name)).cast("int") - 1
    return F.lower(F.trim(F.coalesce(F.get(F.map_values("tags"), place), F.lit(""))))


def no() -> Column:
    return F.lit(False)


def yes() -> Column:
    return F.lit(True)


def is_true(condition: Column) -> Column:
    """Null counts as false."""
    return F.coalesce(condition, no())


def percent(share: Column) -> Column:
    return F.concat(F.round(share * 100, 0).cast("int").cast("string"), F.lit(" %"))


def dollars(amount: Column) -> Column:
    return F.concat(F.lit("$"), F.format_number(F.coalesce(amount, F.lit(0.0)), 2))


def beside(many: DataFrame, few: DataFrame, *keys: str) -> DataFrame:
    """All rows of `many`, with the columns of `few` where the keys meet, else with nulls.

    The few stand first: an engine that has no statistics of them builds its hash table of what stands first, and of a
    million wide rows that costs more than all the rest.
    """
    return F.broadcast(few).join(many, list(keys), "right")


def apart(concerned: Column, *keys: Column, other: Column) -> tuple[Column, ...]:
    """Partition keys of a window that matters to few rows: those are together by `keys`, the rest is scattered by `other`.

    Else all the rest would be one partition, sorted by one core.
    """
    return (concerned, *[F.when(concerned, key) for key in keys], F.when(~concerned, F.pmod(other, F.lit(256))))
