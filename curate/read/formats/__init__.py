"""Files of data, format by format: opened, unpacked within limits, divided into records."""
