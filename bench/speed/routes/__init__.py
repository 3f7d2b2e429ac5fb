"""The ways from two screenshots to what differs: ours and the others'."""
