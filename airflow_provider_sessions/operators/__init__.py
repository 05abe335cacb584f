"""Operators: one class for an action, for every platform."""
