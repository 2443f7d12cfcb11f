"""Mutants of real files, thousands of them: each gives the right pictures or one clear line."""
