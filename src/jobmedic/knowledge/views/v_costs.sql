-- Money by day: what the model and the retries cost, and what recoveries were worth, by the prices of the policy.
--
-- day: Day of the passes and of the decisions
-- passes: Passes
-- model_calls: Calls to the language model
-- tokens_in: Prompt tokens
-- tokens_out: Completion tokens
-- model_usd: Cost of the model, US dollars
-- retries: Retries that jobmedic applied
-- retry_usd: Compute cost of the retries, US dollars
-- saved_usd: Value of the recoveries that they brought about, US dollars
-- wasted_usd: Part of retry_usd that went into retries that failed again, US dollars
-- net_usd: saved_usd less retry_usd and model_usd
WITH spent AS (
  SELECT
    CAST(started_at AS DATE) AS day,
    1 AS passes,
    model_calls,
    tokens_in,
    tokens_out,
    cost_usd AS model_usd,
    0 AS retries,
    0.0D AS retry_usd,
    0.0D AS saved_usd,
    0.0D AS wasted_usd
  FROM ${tables}.passes
  UNION ALL
  SELECT
    decided_on AS day,
    0 AS passes,
    CAST(0 AS BIGINT) AS model_calls,
    CAST(0 AS BIGINT) AS tokens_in,
    CAST(0 AS BIGINT) AS tokens_out,
    0.0D AS model_usd,
    CASE WHEN action IN ('retry', 'retry_with_new_params') AND action_status = 'applied' THEN 1 ELSE 0 END AS retries,
    cost_usd AS retry_usd,
    saved_usd,
    wasted_usd
  FROM ${tables}.v_decisions
)
SELECT
  day,
  sum(passes) AS passes,
  coalesce(sum(model_calls), 0) AS model_calls,
  coalesce(sum(tokens_in), 0) AS tokens_in,
  coalesce(sum(tokens_out), 0) AS tokens_out,
  coalesce(sum(model_usd), 0.0D) AS model_usd,
  sum(retries) AS retries,
  coalesce(sum(retry_usd), 0.0D) AS retry_usd,
  coalesce(sum(saved_usd), 0.0D) AS saved_usd,
  coalesce(sum(wasted_usd), 0.0D) AS wasted_usd,
  coalesce(sum(saved_usd), 0.0D) - coalesce(sum(retry_usd), 0.0D) - coalesce(sum(model_usd), 0.0D) AS net_usd
FROM spent
GROUP BY day
