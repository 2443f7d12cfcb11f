"""Recipes, segments and the deliveries made of them: proxies, sheets, archives."""
