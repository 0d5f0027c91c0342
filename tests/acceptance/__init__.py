"""The real commands in subprocesses, killed and misused, and judged from outside by SQL."""
