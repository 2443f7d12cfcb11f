"""The tests mirror the package. A package of their own, so that workers import what a test hands them."""
