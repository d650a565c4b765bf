-- How often decisions were right: one row a day, action and category. Sum the counts before dividing them over longer spans.
--
-- day: Day of the decisions
-- action: Action that was decided
-- category: Category that was diagnosed
-- decisions: Decisions
-- judged: Decisions that people or outcomes judged
-- judged_by_people: Decisions among them that people judged
-- right_decisions: Judged decisions whose action was right
-- accuracy: right_decisions over judged; null when none was judged
-- category_judged: Decisions whose category people judged
-- category_right: Decisions among them whose category was right
-- wrong_retries: Retries that could not help
-- missed_retries: Other actions where a retry would have helped
-- disputed: Decisions on which people contradict each other
SELECT
  decided_on AS day,
  action,
  category,
  count(*) AS decisions,
  count(judged_right) AS judged,
  count(CASE WHEN judged_by = 'people' THEN 1 END) AS judged_by_people,
  count(CASE WHEN judged_right THEN 1 END) AS right_decisions,
  avg(CASE WHEN judged_right THEN 1.0D WHEN NOT judged_right THEN 0.0D END) AS accuracy,
  count(category_right) AS category_judged,
  count(CASE WHEN category_right THEN 1 END) AS category_right,
  count(CASE WHEN wrong_retry THEN 1 END) AS wrong_retries,
  count(CASE WHEN missed_retry THEN 1 END) AS missed_retries,
  count(CASE WHEN verdicts_disagree THEN 1 END) AS disputed
FROM ${tables}.v_decisions
GROUP BY decided_on, action, category
