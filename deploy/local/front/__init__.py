"""The front of one machine: all pages on one origin, each request led to the service that serves its path."""
