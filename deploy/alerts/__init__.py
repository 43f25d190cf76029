"""Rules of Prometheus that call operators, and the objectives that some of them watch."""
