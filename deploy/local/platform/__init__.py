"""The parts of one machine: servers, processes, addresses, keys, and the installation of what they need."""
