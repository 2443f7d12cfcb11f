"""A pool on Kubernetes: its spec, the objects that it is made of, and how it is brought up, reached and taken down.

Workers are brought and taken by the scheduler itself: see `mediadask.pool.scaling`.
"""
