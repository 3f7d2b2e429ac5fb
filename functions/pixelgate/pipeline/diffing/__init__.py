"""From two builds to the pairs that differ, and how."""
