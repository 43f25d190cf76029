"""Makes and checks the topics and permissions of any Kafka cluster: `python -m shared.messaging.topics --help`."""
