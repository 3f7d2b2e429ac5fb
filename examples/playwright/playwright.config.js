import { defineConfig, devices } from "@playwright/test";

export default defineConfig({
  testDir: "tests",
  fullyParallel: true,
  retries: process.env.CI ? 2 : 0,
  // A Chromium of your own; without it, Playwright takes the one that `npx playwright install` fetched.
  use: { launchOptions: { executablePath: process.env.CHROMIUM } },
  projects: [
    { name: "desktop", use: { ...devices["Desktop Chrome"] } },
    { name: "phone", use: { ...devices["Pixel 7"] } },
  ],
});
