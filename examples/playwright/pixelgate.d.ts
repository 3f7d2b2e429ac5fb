export * from "@playwright/test";
