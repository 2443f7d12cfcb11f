"""What a pool has done, in a database: written as it happens, read as turnaround, costs and schedules."""
