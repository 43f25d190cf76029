"""The operator's client, `python -m deploy.cli`: looks at a running installation and acts on its workers."""

CONTEXT_VARIABLE = "DMP_CONTEXT"
"""The variable that names the context file of an installation."""
