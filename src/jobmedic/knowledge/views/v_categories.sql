-- What fails where: one row a day, category and job.
--
-- day: Day of the failures
-- category: Category of the diagnosis as it stands now; unknown where there is none
-- workspace_id: Databricks workspace id
-- job_id: Job of the runs; null for one-time submits
-- job_name: Name of the job, else of the run
-- failures: Failed task attempts that are root causes
-- runs: Runs that they belong to
-- fingerprints: Different causes among them
-- run_hours: Hours that the failed attempts ran
SELECT
  CAST(f.failed_at AS DATE) AS day,
  coalesce(g.category, 'unknown') AS category,
  f.workspace_id,
  f.job_id,
  coalesce(f.job_name, f.run_name) AS job_name,
  count(*) AS failures,
  count(DISTINCT f.run_id) AS runs,
  count(DISTINCT f.fingerprint) AS fingerprints,
  coalesce(sum(f.run_seconds), 0.0D) / 3600.0D AS run_hours
FROM ${tables}.failures AS f
LEFT JOIN ${tables}.diagnoses AS g ON f.fingerprint = g.fingerprint
GROUP BY CAST(f.failed_at AS DATE), coalesce(g.category, 'unknown'), f.workspace_id, f.job_id, coalesce(f.job_name, f.run_name)
