# Databricks notebook source
# MAGIC %md
# MAGIC # Was the decision right?
# MAGIC
# MAGIC Choose a decision below, say what you think of it, and run the last cell. From the next pass on it counts: a category or
# MAGIC an action that you call right is known for this failure, and the rules' confidence follows your verdicts. `withdrawn`
# MAGIC takes your earlier verdict back.

# COMMAND ----------

# MAGIC %pip install --quiet ..

# COMMAND ----------

dbutils.library.restartPython()

# COMMAND ----------

dbutils.widgets.text("tables", "main.jobmedic", "1 Tables (catalog.schema)")
dbutils.widgets.text("decision", "", "2 Decision id")
dbutils.widgets.dropdown("verdict", "correct", ["correct", "wrong", "withdrawn"], "3 Verdict")
dbutils.widgets.text("category", "", "4 Right category, if wrong")
dbutils.widgets.text("action", "", "5 Right action, if wrong")
dbutils.widgets.text("comment", "", "6 Why, in your words")
dbutils.widgets.text("by", "", "7 Your mail address")

# COMMAND ----------

from jobmedic import Jobmedic, Settings

# COMMAND ----------

medic = Jobmedic(Settings(jobmedic_tables=dbutils.widgets.get("tables")))

# COMMAND ----------

# MAGIC %md
# MAGIC The latest decisions that nobody has judged, the least certain first.

# COMMAND ----------

display(
    medic.table("v_decisions")
    .where("verdict IS NULL AND decided_at >= current_timestamp() - INTERVAL 7 DAYS")
    .select("decision_id", "job_name", "category", "action", "confidence", "reason", "outcome", "run_page_url")
    .orderBy("confidence")
)

# COMMAND ----------

# MAGIC %md
# MAGIC Your verdict.

# COMMAND ----------

print(
    medic.feedback(
        dbutils.widgets.get("decision"),
        verdict=dbutils.widgets.get("verdict"),
        category=dbutils.widgets.get("category"),
        action=dbutils.widgets.get("action"),
        comment=dbutils.widgets.get("comment"),
        given_by=dbutils.widgets.get("by"),
    )
)

# COMMAND ----------

display(medic.table("v_verdicts").orderBy("given_at", ascending=False))
