"""Databricks workspaces over the SDK; the only package that imports it."""

from jobmedic.edges.databricks_workspace.connect import connect
from jobmedic.edges.databricks_workspace.scope import secret_reader
from jobmedic.edges.databricks_workspace.workspace import DatabricksWorkspace

__all__ = ["DatabricksWorkspace", "connect", "secret_reader"]
