"""What consent announces anew onto another Kafka cluster."""
