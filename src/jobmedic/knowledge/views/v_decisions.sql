-- One wide row a decision: what was decided and why, what was done, what came of it, and whether it was right.
-- Whether it was right is said by people first; where they contradict each other nothing is. Without their word the outcome
-- judges what it can. A retry was right when its run recovered, and wrong when it failed the same way; failing another way, a
-- cancel or a run that still goes say nothing. Any other action on a failure called transient was wrong when the run then
-- recovered within the hour without jobmedic, for that is what transient means.
--
-- decision_id: Derived from workspace, run and attempt
-- workspace_id: Databricks workspace id
-- run_id: Failed job run
-- job_id: Job of the run; null for a one-time submit
-- job_name: Name of the job, else of the run
-- task_keys: Failed tasks that are root causes, sorted
-- owner: Who answers for the job
-- run_page_url: Page of the run
-- failed_at: When the deciding attempt failed, UTC
-- decided_at: UTC
-- decided_on: Day of the decision
-- seconds_to_decide: Seconds from the failure to the decision
-- fingerprint: Fingerprint of the failure that decided the action
-- category: Category of that failure
-- transient: Whether the diagnosis calls the failure transient
-- confidence: Confidence of the diagnosis, 0 to 1
-- source: Source of the diagnosis: rule, known, model or human
-- rule: Rule behind the diagnosis; null for other sources
-- action: retry, retry_with_new_params, send_email, escalate or ignore
-- proposed_action: Action that the diagnosis proposed, before any gate of the policy
-- params: Job parameters that the action changes; null when none
-- compute: Compute to change; null when none
-- reason: Why, in words for an on-call engineer
-- gate: Rule of the policy that had the last word
-- policy_version: Digest of the policy that decided
-- mode: shadow or act
-- status: ready, deferred, held, shadow or done
-- not_before: Earliest time to act, UTC; null when at once
-- attempts_before: Executions of the task before this decision, over all layers
-- retry_success_probability: Posterior mean that a retry succeeds, 0 to 1
-- expected_gain_usd: Probability of success times the value of a recovery, US dollars
-- expected_cost_usd: Expected compute cost of one more execution, US dollars
-- incident_id: Incident that the decision belongs to; null when none
-- storm_role: canary or follower; null outside a storm
-- pass_id: Pass that decided
-- action_status: intended, applied, refused, failed or superseded; null when nothing was begun
-- acted_at: When the result of the action was known, UTC
-- repair_id: Repair that the action started
-- new_run_id: One-time run that the action started
-- recipient: Whom a mail went to
-- action_error: Why the action was refused, failed or superseded
-- outcome: recovered, failed_same, failed_other, cancelled or pending; null when not looked at
-- observed_at: When the outcome was seen, UTC
-- seconds_to_recover: Seconds from the failure to the success; null unless recovered
-- attributed_to: Who brought the outcome about: jobmedic or other
-- retry_outcome: Outcome of a retry that jobmedic applied and nobody else brought to its end; null otherwise
-- cost_usd: Compute cost of the retry, US dollars
-- saved_usd: Value of the recovery that jobmedic's retry brought about, as the policy held it, US dollars; null otherwise
-- wasted_usd: Compute cost of a retry by jobmedic that failed again, US dollars; null otherwise
-- verdict: What people agree on, correct or wrong; null when nobody judged or they contradict each other
-- verdicts: What each person says, by name
-- verdicts_disagree: True when people contradict each other
-- right_category: Category that people agree is right
-- right_action: Action that people agree is right
-- judged_right: Whether the action was right; null while unjudged
-- judged_by: people or outcome; null while unjudged
-- category_right: Whether the category was right, by people's word; null without it
-- wrong_retry: For judged retries: whether a retry could not help; null otherwise
-- missed_retry: For judged other actions: whether a retry would have helped; null otherwise
WITH opinions AS (
  SELECT
    v.decision_id,
    v.given_by,
    v.verdict,
    v.verdicts_disagree,
    CASE
      WHEN v.verdict = 'correct' THEN d.category
      WHEN v.correct_category IS NOT NULL OR v.correct_action IS NOT NULL THEN coalesce(v.correct_category, d.category)
    END AS right_category,
    CASE
      WHEN v.verdict = 'correct' THEN d.action
      WHEN v.correct_category IS NOT NULL OR v.correct_action IS NOT NULL THEN coalesce(v.correct_action, d.action)
    END AS right_action
  FROM ${tables}.v_verdicts AS v
  INNER JOIN ${tables}.decisions AS d ON v.decision_id = d.decision_id
),
people AS (
  SELECT
    decision_id,
    bool_or(verdicts_disagree) AS verdicts_disagree,
    sort_array(collect_list(concat(given_by, ': ', verdict))) AS verdicts,
    max(CASE WHEN NOT verdicts_disagree THEN verdict END) AS verdict,
    max(CASE WHEN NOT verdicts_disagree THEN right_category END) AS right_category,
    max(CASE WHEN NOT verdicts_disagree THEN right_action END) AS right_action
  FROM opinions
  GROUP BY decision_id
),
joined AS (
  SELECT
    d.*,
    a.status AS action_status,
    a.finished_at AS acted_at,
    a.repair_id,
    a.new_run_id,
    a.recipient,
    a.error AS action_error,
    o.outcome,
    o.observed_at,
    o.seconds_to_recover,
    o.attributed_to,
    o.cost_usd,
    p.verdict,
    p.verdicts,
    coalesce(p.verdicts_disagree, false) AS verdicts_disagree,
    p.right_category,
    p.right_action,
    d.action IN ('retry', 'retry_with_new_params') AS retried,
    coalesce(o.attributed_to, 'jobmedic') = 'jobmedic' AS ours
  FROM ${tables}.decisions AS d
  LEFT JOIN ${tables}.actions AS a ON d.decision_id = a.decision_id
  LEFT JOIN ${tables}.outcomes AS o ON d.decision_id = o.decision_id
  LEFT JOIN people AS p ON d.decision_id = p.decision_id
),
weighed AS (
  SELECT
    *,
    coalesce(right_action = action, CASE WHEN verdict = 'wrong' THEN false END) AS people_right,
    CASE
      WHEN retried AND outcome = 'recovered' THEN true
      WHEN retried AND outcome = 'failed_same' THEN false
      WHEN NOT retried AND transient AND outcome = 'recovered' AND NOT ours AND seconds_to_recover <= 3600 THEN false
    END AS outcome_right,
    CASE
      WHEN retried AND ours AND action_status = 'applied' AND outcome IN ('recovered', 'failed_same', 'failed_other')
      THEN outcome
    END AS retry_outcome
  FROM joined
),
judged AS (
  SELECT *, CASE WHEN NOT verdicts_disagree THEN coalesce(people_right, outcome_right) END AS judged_right
  FROM weighed
)
SELECT
  decision_id,
  workspace_id,
  run_id,
  job_id,
  job_name,
  task_keys,
  owner,
  run_page_url,
  failed_at,
  decided_at,
  CAST(decided_at AS DATE) AS decided_on,
  seconds_to_decide,
  fingerprint,
  category,
  transient,
  confidence,
  source,
  rule,
  action,
  proposed_action,
  params,
  compute,
  reason,
  gate,
  policy_version,
  mode,
  status,
  not_before,
  attempts_before,
  retry_success_probability,
  expected_gain_usd,
  expected_cost_usd,
  incident_id,
  storm_role,
  pass_id,
  action_status,
  acted_at,
  repair_id,
  new_run_id,
  recipient,
  action_error,
  outcome,
  observed_at,
  seconds_to_recover,
  attributed_to,
  retry_outcome,
  cost_usd,
  CASE
    WHEN retry_outcome = 'recovered' AND retry_success_probability > 0
    THEN expected_gain_usd / retry_success_probability
  END AS saved_usd,
  CASE WHEN retry_outcome IN ('failed_same', 'failed_other') THEN coalesce(cost_usd, 0.0D) END AS wasted_usd,
  verdict,
  verdicts,
  verdicts_disagree,
  right_category,
  right_action,
  judged_right,
  CASE WHEN people_right IS NOT NULL THEN 'people' WHEN judged_right IS NOT NULL THEN 'outcome' END AS judged_by,
  right_category = category AS category_right,
  CASE
    WHEN retried AND judged_right IS NOT NULL
    THEN coalesce(right_action NOT IN ('retry', 'retry_with_new_params'), NOT judged_right)
  END AS wrong_retry,
  CASE
    WHEN NOT retried AND judged_right IS NOT NULL
    THEN coalesce(
      right_action IN ('retry', 'retry_with_new_params'), CASE WHEN verdict IS NULL THEN NOT judged_right END, false
    )
  END AS missed_retry
FROM judged
