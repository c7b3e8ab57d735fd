"""The `portfolio` command and the embedded servers behind it."""
