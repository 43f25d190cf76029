"""The parts of an installation on one machine: servers, processes, addresses, keys, and what they need."""
