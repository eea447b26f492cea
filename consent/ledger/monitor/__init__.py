"""A monitor of logs: reads what anybody with an auditor's key can read, believes nothing, and keeps what it saw."""
