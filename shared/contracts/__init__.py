"""All that the services share about their messages: topics, groups and events. Data only, no I/O."""
