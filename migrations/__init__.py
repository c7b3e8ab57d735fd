"""What the database is: `schema` is how it looks today, `versions` is how it got there."""
