"""Kafka: consumers, dead letters, copies of other services' states, and the outbox."""
