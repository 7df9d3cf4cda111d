"""SQL, by subject: functions (connection, ...) -> rows. They know nothing of HTTP."""
