import { pathToFileURL } from "node:url";
import path from "node:path";
import { expect, test } from "../pixelgate"; // instead of "@playwright/test"

test.beforeEach(({ page }) => page.goto(pathToFileURL(path.join(__dirname, "shop.html")).href));

test("the list", async ({ page }) => {
  await expect(page).toHaveScreenshot({ mask: [page.locator("#clock")] });
  await expect(page.locator("ul")).toHaveScreenshot("items.png");
});

test("an empty shop", async ({ page }) => {
  await page.locator("h1").click();
  await expect(page).toHaveScreenshot(["empty", "page.png"], {
    mask: [page.locator("#clock")],
    fullPage: true,
  });
});
