"""Answers an agent's questions about builds: `pixelgate mcp`. Nothing in here writes anything."""
