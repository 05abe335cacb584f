"""Prevail (prevail.ai): remote depositions, scheduled directly (Self-Service) or by request."""
