"""Does a rule call a pair of screenshots what a person would call it? See README.md."""
