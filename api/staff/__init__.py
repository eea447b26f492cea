"""Routes for staff: people, dumps, emergencies, reads, erasures and alarms."""
