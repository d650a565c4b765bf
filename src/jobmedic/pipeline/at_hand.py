"""Results that are needed more than once, worked out once."""

from pyspark.sql import DataFrame

MOST_ROWS = 5_000
"""About 10 MB of decisions: what a driver of any size can hold."""


def at_hand(frame: DataFrame) -> DataFrame | None:
    """The same rows and columns; None when there are no rows.

    Up to `MOST_ROWS` they are held by the driver from now on, so that a merge, which reads its source several times,
    does not work them out several times. More rows are left where they are.
    """
    few = frame.limit(MOST_ROWS + 1).toArrow()
    if few.num_rows == 0:
        return None
    return frame if few.num_rows > MOST_ROWS else frame.sparkSession.createDataFrame(few)
