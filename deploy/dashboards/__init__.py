"""Grafana dashboards as code: one for operators, one for each service. `python -m deploy.generate` writes the JSON."""
