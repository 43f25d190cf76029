"""The whole system on one machine: PostgreSQL, Apache Kafka, a mail catcher, five services, one supervisor."""
