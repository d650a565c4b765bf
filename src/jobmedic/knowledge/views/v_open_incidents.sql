-- One row an open incident, the longest open first.
--
-- incident_id: Dedup key of the incident
-- title: One line
-- scope: What it covers: fingerprint, or the name of a shared resource
-- category: Category of the failures
-- fingerprint: Fingerprint that it is about; null for a shared resource
-- runs: Runs hit so far
-- jobs: Jobs hit so far
-- opened_at: UTC
-- last_seen_at: Newest failure that belongs to it, UTC
-- hours_open: Hours from its opening to now
-- notified_at: When mail and channels were told, UTC; null when not yet
-- summary: What is known, for the on-call
-- workspace_id: Databricks workspace id
SELECT
  incident_id,
  title,
  scope,
  category,
  fingerprint,
  runs,
  jobs,
  opened_at,
  last_seen_at,
  (unix_timestamp(current_timestamp()) - unix_timestamp(opened_at)) / 3600.0D AS hours_open,
  notified_at,
  summary,
  workspace_id
FROM ${tables}.incidents
WHERE status = 'open'
ORDER BY opened_at
