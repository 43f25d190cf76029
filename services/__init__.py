"""The services: each owns its data and meets the others on topics only."""
