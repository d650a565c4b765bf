# Databricks notebook source
# MAGIC %md
# MAGIC # What if the policy were another?
# MAGIC
# MAGIC Decides all stored failures again under another policy file and shows what would change: actions, money, and for
# MAGIC failures whose right answer is known whether the change is for the better. It acts on nothing, and cannot.

# COMMAND ----------

# MAGIC %pip install --quiet ..

# COMMAND ----------

dbutils.library.restartPython()

# COMMAND ----------

dbutils.widgets.text("tables", "main.jobmedic", "1 Tables (catalog.schema)")
dbutils.widgets.text("policy", "/Volumes/main/jobmedic/files/policy.yml", "2 The other policy")
dbutils.widgets.text("since", "30d", "3 Look back")

# COMMAND ----------

from jobmedic import Jobmedic, Settings

# COMMAND ----------

settings = Settings(jobmedic_tables=dbutils.widgets.get("tables"), jobmedic_since=dbutils.widgets.get("since"))
medic = Jobmedic(settings)
report = medic.replay(policy=dbutils.widgets.get("policy"), since=settings.jobmedic_since)

# COMMAND ----------

print("\n".join(report.lines()))

# COMMAND ----------

displayHTML(report.picture())

# COMMAND ----------

# MAGIC %md
# MAGIC Each change with its count, the most frequent first.

# COMMAND ----------

display(list(report.changes))
