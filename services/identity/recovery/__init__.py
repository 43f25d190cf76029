"""What identity announces anew onto another Kafka cluster, and the erasures that are kept outside its backups."""
