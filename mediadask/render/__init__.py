"""Recipes, segments and the deliveries made of them: proxies, sheets, archives, plates, trims.

Each is imported from its own module, or from `mediadask`: no command waits for another's libraries.
"""
