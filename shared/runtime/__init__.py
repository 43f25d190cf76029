"""What every process needs: settings, logs, metrics, tracing, retries, tasks, time."""
