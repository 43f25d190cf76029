"""The frame of every process: settings, logs, metrics, tracing, retries, workers, time."""
