"""The shared pool: jobs, displacement, scaling, turnaround, cost. It knows no media."""
