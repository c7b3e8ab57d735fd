"""How events move: from Kafka through the booking step into tables, results and PostgreSQL."""
