"""Who exists: CloudStack's tables, their shapes by version, rows to credentials, the cipher."""
