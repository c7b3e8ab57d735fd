"""One file a change, in order; a file that was released is never edited."""
