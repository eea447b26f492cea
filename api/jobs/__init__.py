"""Long work outside requests: a table of jobs with leases, the threads that do them, and the log's publisher."""
