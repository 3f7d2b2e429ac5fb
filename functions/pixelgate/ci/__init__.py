"""Where a build comes from: what the CI system says of it, and what git knows."""
