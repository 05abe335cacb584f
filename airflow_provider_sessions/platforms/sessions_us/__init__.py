"""Sessions (sessions.us): meetings, bookings and events."""
