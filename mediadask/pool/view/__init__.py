"""A pool as operators see it while it runs: the dashboard's page and metrics."""
