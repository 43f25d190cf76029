"""The frame of the processes of a service: command line, API and worker."""
