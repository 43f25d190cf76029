"""What the services know of each other: topics, groups and events. Data only, no I/O."""
