"""How people ask: takes events in over HTTP, answers from the live tables and from the history."""
