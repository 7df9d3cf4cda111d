"""HTTP, by resource: functions from a request to a response. They hold no SQL."""
