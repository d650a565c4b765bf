"""The daily job: decisions scored against outcomes and feedback, the figures into MLflow, and recommendations in print."""
