-- What people say of decisions: one row a decision and person, with the person's newest verdict.
-- A verdict that was withdrawn is gone, and a row whose verdict is none of correct, wrong and withdrawn does not count.
--
-- decision_id: The decision that is judged
-- given_by: Who judged; unknown where the row does not say
-- given_at: When, UTC
-- verdict: correct or wrong
-- correct_category: Right category where the verdict is wrong; null when unchanged
-- correct_action: Right action where the verdict is wrong; null when unchanged
-- comment: Free words, redacted
-- people: People whose verdict on this decision stands
-- verdicts_disagree: True on every row of a decision on which people contradict each other
WITH readable AS (
  SELECT
    decision_id,
    coalesce(trim(given_by), 'unknown') AS given_by,
    coalesce(given_at, CAST('1970-01-01 00:00:00' AS TIMESTAMP)) AS given_at,
    lower(trim(verdict)) AS verdict,
    CASE WHEN lower(trim(verdict)) = 'wrong' AND lower(trim(correct_category)) IN (
      'timeout', 'resource', 'permission', 'syntax', 'network', 'data_not_found', 'data_quality', 'dependency',
      'configuration', 'concurrency', 'infrastructure', 'quota', 'user_code', 'cancelled', 'unknown'
    ) THEN lower(trim(correct_category)) END AS correct_category,
    CASE WHEN lower(trim(verdict)) = 'wrong' AND lower(trim(correct_action)) IN (
      'ignore', 'retry', 'retry_with_new_params', 'send_email', 'escalate'
    ) THEN lower(trim(correct_action)) END AS correct_action,
    comment
  FROM ${tables}.feedback
  WHERE decision_id IS NOT NULL AND lower(trim(verdict)) IN ('correct', 'wrong', 'withdrawn')
),
by_age AS (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY decision_id, given_by
      ORDER BY
        given_at DESC NULLS LAST, verdict DESC NULLS LAST, correct_category DESC NULLS LAST,
        correct_action DESC NULLS LAST, comment DESC NULLS LAST
    ) AS age
  FROM readable
),
standing AS (
  SELECT decision_id, given_by, given_at, verdict, correct_category, correct_action, comment
  FROM by_age
  WHERE age = 1 AND verdict <> 'withdrawn'
),
spread AS (
  SELECT
    decision_id,
    CAST(count(*) AS INT) AS people,
    greatest(count(DISTINCT verdict), count(DISTINCT correct_category), count(DISTINCT correct_action)) AS opinions
  FROM standing
  GROUP BY decision_id
)
SELECT
  s.decision_id,
  s.given_by,
  s.given_at,
  s.verdict,
  s.correct_category,
  s.correct_action,
  s.comment,
  p.people,
  p.opinions > 1 AS verdicts_disagree
FROM standing AS s
INNER JOIN spread AS p ON s.decision_id = p.decision_id
