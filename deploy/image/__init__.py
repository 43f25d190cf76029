"""Builds the container images: the services' own, and those of PostgreSQL and Kafka for one server."""
