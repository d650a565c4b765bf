# Databricks notebook source
# MAGIC %md
# MAGIC # What would jobmedic have done?
# MAGIC
# MAGIC Reads the runs of this workspace that failed lately, diagnoses them and decides, in shadow mode: everything is written
# MAGIC down in the tables, nothing is touched, nobody gets a mail. Needs a schema that you may create or write to.

# COMMAND ----------

# MAGIC %pip install --quiet ..

# COMMAND ----------

dbutils.library.restartPython()

# COMMAND ----------

dbutils.widgets.text("tables", "main.jobmedic", "1 Tables (catalog.schema)")
dbutils.widgets.text("since", "24h", "2 Look back")

# COMMAND ----------

from jobmedic import Jobmedic, Settings

# COMMAND ----------

medic = Jobmedic(
    Settings(
        jobmedic_mode="shadow",
        jobmedic_tables=dbutils.widgets.get("tables"),
        jobmedic_since=dbutils.widgets.get("since"),
    )
)

# COMMAND ----------

print(medic.triage(look_back=True))

# COMMAND ----------

# MAGIC %md
# MAGIC Every decision with its reason. `shadow` is what would have been done.

# COMMAND ----------

display(medic.table("v_decisions").orderBy("decided_at", ascending=False))

# COMMAND ----------

# MAGIC %md
# MAGIC What fails, by category and job.

# COMMAND ----------

display(medic.table("v_categories"))
