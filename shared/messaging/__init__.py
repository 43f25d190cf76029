"""Kafka: what is read and written, dead letters, copies of neighbours' states, and the outbox."""
