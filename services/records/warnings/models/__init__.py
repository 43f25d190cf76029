"""The models of warnings: bodies of requests, and what is answered."""
