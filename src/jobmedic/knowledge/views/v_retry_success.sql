-- Whether retrying helped: one row a category, rule and fingerprint that jobmedic retried.
--
-- category: Category that was diagnosed
-- rule: Rule behind the diagnosis; null for other sources
-- fingerprint: Fingerprint of the failure
-- retries: Retries that jobmedic applied
-- ended: Retries among them whose end was seen, brought about by nobody else
-- recovered: Ended retries after which the run succeeded
-- failed_same: Ended retries that failed the same way
-- failed_other: Ended retries that failed another way
-- success_rate: recovered over ended; null when none has ended
-- expected_rate: Mean of the probability that was expected of the ended retries; null when none has ended
-- cost_usd: Compute cost of the retries, US dollars
-- saved_usd: Value of the recoveries, US dollars
-- wasted_usd: Compute cost of the retries that failed, US dollars
-- last_retry_at: When the newest of them was decided, UTC
SELECT
  category,
  rule,
  fingerprint,
  count(*) AS retries,
  count(retry_outcome) AS ended,
  count(CASE WHEN retry_outcome = 'recovered' THEN 1 END) AS recovered,
  count(CASE WHEN retry_outcome = 'failed_same' THEN 1 END) AS failed_same,
  count(CASE WHEN retry_outcome = 'failed_other' THEN 1 END) AS failed_other,
  avg(CASE WHEN retry_outcome = 'recovered' THEN 1.0D WHEN retry_outcome IS NOT NULL THEN 0.0D END) AS success_rate,
  avg(CASE WHEN retry_outcome IS NOT NULL THEN retry_success_probability END) AS expected_rate,
  coalesce(sum(cost_usd), 0.0D) AS cost_usd,
  coalesce(sum(saved_usd), 0.0D) AS saved_usd,
  coalesce(sum(wasted_usd), 0.0D) AS wasted_usd,
  max(decided_at) AS last_retry_at
FROM ${tables}.v_decisions
WHERE action IN ('retry', 'retry_with_new_params') AND action_status = 'applied'
GROUP BY category, rule, fingerprint
