"""A pool on Kubernetes: its spec, its objects, and how it is brought up, reached and taken down.

Workers are brought and taken by the scheduler itself: see `mediadask.pool.scaling`.
"""
