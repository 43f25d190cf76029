"""The operator's client, `python -m deploy.cli`: looks at a running installation and acts on its workers."""
