"""The layouts that a user can name."""

from __future__ import annotations

AUTO, FOLDER = "auto", "folder"
LAYOUTS = (
    AUTO, FOLDER, "playwright", "cypress", "jest-image-snapshot", "storybook", "vitest",
    "webdriverio", "swift-snapshot-testing", "paparazzi", "roborazzi", "compose-preview",
    "flutter", "pytest", "backstop", "loki", "argos",
)  # fmt: skip
