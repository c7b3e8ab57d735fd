"""Laws that every history keeps, and the machine hunting for one that does not."""
