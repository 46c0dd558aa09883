// Drives the dashboard in Debian's Chromium, and holds against every page what must be true of all: no request to
// another origin, no token in an address, no breach of the page's own policy, nothing on the console.
import assert from 'node:assert/strict';
import { accessSync, constants, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after, before } from 'node:test';
import { chromium } from 'playwright-core';
import { PATIENCE_MS, until } from '../integration/harness.mjs';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const SERIOUS = ['serious', 'critical'];

function executableOnPath(name) {
  for (const folder of process.env.PATH.split(path.delimiter)) {
    const file = path.join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      continue;
    }
  }
  throw new Error(`no ${name} on the PATH: run script/bootstrap`);
}

export class Browser {
  async start() {
    this.browser = await chromium.launch({
      executablePath: executableOnPath('chromium'),
      args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-dev-shm-usage'],
    });
  }

  async stop() {
    await this.browser?.close();
  }

  /**
   * A page of its own for `test`, closed and judged at its end. `refusals`: statuses that the test provokes; `offline`: no
   * answers are expected. Of `server`: its `url`, the `secrets` that no address may hold, `origins` that it calls besides.
   */
  async page(test, server, { refusals = [], offline = false, ...options } = {}) {
    const context = await this.browser.newContext({ viewport: { width: 1280, height: 900 }, timezoneId: 'UTC', locale: 'en-GB', ...options });
    context.setDefaultTimeout(PATIENCE_MS);
    const page = await context.newPage();
    const problems = [];
    await page.addInitScript(() => {
      addEventListener('securitypolicyviolation', (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));
    });
    const expected = (text) => refusals.some((status) => text.includes(`status of ${status}`)) || (offline && text.includes('net::ERR_'));
    page.on('console', (message) => ['error', 'warning'].includes(message.type()) && !expected(message.text()) && problems.push(`console: ${message.text()}`));
    page.on('pageerror', (error) => problems.push(`uncaught: ${error.stack}`));
    page.on('request', (request) => {
      const url = new URL(request.url());
      if (url.protocol !== 'data:' && ![server.url, ...(server.origins ?? [])].includes(url.origin)) problems.push(`request elsewhere: ${request.url()}`);
      for (const secret of server.secrets) if (request.url().includes(secret)) problems.push(`a token in ${request.url()}`);
    });
    test.after(async () => {
      await context.close();
      assert.deepEqual(problems, []);
    });
    return page;
  }

  /** The page, signed in by a link, with its first figures there. */
  async signedIn(test, server, { token = server.admin, prefix = '', ...options } = {}) {
    const page = await this.page(test, server, options);
    await page.goto(`${server.url}${prefix}/dashboard/#token=${token}`);
    await page.waitForSelector('[data-status=live]');
    return page;
  }
}

export function useBrowser() {
  const browser = new Browser();
  before(() => browser.start());
  after(() => browser.stop());
  return browser;
}

/** Fails with what axe finds serious or critical on the page as it is now. */
export async function assertAccessible(page, where) {
  // Evaluated through the debugger, which the page's policy does not concern.
  await page.evaluate(axeSource);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  const serious = violations.filter(({ impact }) => SERIOUS.includes(impact));
  assert.deepEqual(serious.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 160)).join(' | ')}`), [], where);
}

/** `{value, overall}` of a line in a widget's read-out, as numbers; null where there is none. */
export async function lineOf(page, widget, line) {
  const cells = page.locator(`[data-widget="${widget}"] [data-line="${line}"] td`);
  const amount = (text) => (text ? Number(text) : null);
  return { value: amount(await cells.nth(0).getAttribute('data-value')), overall: amount(await cells.nth(1).getAttribute('data-overall')) };
}

/** Whether nothing has to be scrolled sideways. */
export const fitsItsWidth = (page) => page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth);

/** Waits until `read()` answers what `expected()` does, and says what they were if they never agree. */
export async function untilEqual(read, expected, what) {
  let last;
  try {
    await until(async () => {
      last = [await read(), await expected()];
      try {
        assert.deepEqual(...last);
        return true;
      } catch {
        return false;
      }
    }, what, 2 * PATIENCE_MS);
  } catch (error) {
    assert.deepEqual(...last, `${what}: ${error.message}`);
  }
}
