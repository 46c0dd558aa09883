// CONTRACT §13: who may see the page, and how it works for everybody: range, pause, keyboard, small screens, both themes.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { useServer } from '../integration/harness.mjs';
import { assertAccessible, fitsItsWidth, useBrowser } from './browser.mjs';
import { makeLoad } from './figures.mjs';

const problemOf = (page) => page.locator('#problem').filter({ hasText: /\S/ }).innerText();

async function signIn(page, server, token) {
  await page.goto(`${server.url}/dashboard/`);
  await page.getByLabel(/^Token/).fill(token);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

describe('signing in', () => {
  const server = useServer();
  const browser = useBrowser();

  it('takes a pasted token, for this tab only', async (t) => {
    const page = await browser.page(t, server);
    await signIn(page, server, `  Bearer ${server.admin}\n`);
    await page.waitForSelector('[data-status=live]');
    assert.equal(await page.evaluate(() => Object.values(localStorage).join() + document.cookie), '');
    await page.reload();
    await page.waitForSelector('[data-status=live]');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel(/^Token/).waitFor();
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  });

  it('takes the token of a link out of the address at once', async (t) => {
    const page = await browser.signedIn(t, server);
    assert.equal(page.url(), `${server.url}/dashboard/`);
    assert.ok(!(await page.evaluate(() => JSON.stringify(history.state))).includes('token'));
  });

  it('says why a token is not taken', async (t) => {
    const page = await browser.page(t, server, { refusals: [401, 403] });
    await signIn(page, server, 'no token');
    assert.match(await problemOf(page), /three parts/);
    await signIn(page, server, server.secret(`${server.admin.slice(0, -4)}AAAA`));
    assert.match(await problemOf(page), /does not accept this token/);
    await signIn(page, server, server.token('ann'));
    assert.match(await problemOf(page), /carillon\/metrics nor carillon\/admin/);
    await assertAccessible(page, 'signing in, refused');
    assert.equal(await page.evaluate(() => sessionStorage.length), 0, 'a refused token is kept');
  });

  it('with carillon/metrics alone shows figures, and says what the rest needs', async (t) => {
    const token = server.token({ user: 'watcher', scopes: ['carillon/metrics'] });
    const page = await browser.signedIn(t, server, { token, refusals: [403] });
    assert.match(await page.locator('[data-denied=queues]').innerText(), /carillon\/admin/);
    await page.getByLabel('Connections of user').fill('ann');
    await page.getByRole('button', { name: 'Look up' }).click();
    await page.getByText('need the scope carillon/admin').last().waitFor();
    assert.equal(await page.locator('[data-status=live]').count(), 1);
  });

  it('is asked for again when the token is not accepted any more', async (t) => {
    const page = await browser.signedIn(t, server, { refusals: [401] });
    await page.route('**/dashboard/alarms', (route) => route.fulfill({ status: 401, contentType: 'application/json', body: '{"error":"Unauthorized"}' }));
    await page.getByText('Sign in again').waitFor();
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  });
});

describe('the link that serve --dev prints', () => {
  const server = useServer({ dev: true });
  const browser = useBrowser();

  it('is signed in', async (t) => {
    const line = await server.output.next((text) => text.includes('/dashboard/#token='), 'the link');
    const [, url, token] = /(http\S+\/dashboard\/)#token=(\S+)/.exec(line);
    server.secret(token);
    const page = await browser.page(t, server);
    await page.goto(`${url}#token=${token}`);
    await page.waitForSelector('[data-status=live]');
    assert.equal(page.url(), url);
    await page.getByRole('button', { name: 'Peek at the messages of WebSocketFifoDLQ' }).waitFor();
  });
});

describe('the page without figures', () => {
  const server = useServer();
  const browser = useBrowser();

  it('says that there are none, and where they come from', async (t) => {
    const page = await browser.signedIn(t, server);
    for (const widget of ['end-to-end', 'extremes', 'network', 'jitter']) {
      assert.match(await page.locator(`[data-widget="${widget}"] .nothing`).innerText(), /^No samples in this range\. Clients report with POST \/metrics/);
    }
    await assertAccessible(page, 'the empty page');
  });

  it('works below the stage, and /dashboard leads there', async (t) => {
    const page = await browser.signedIn(t, server, { prefix: '/dvl' });
    assert.equal(page.url(), `${server.url}/dvl/dashboard/`);
    await page.goto(`${server.url}/dvl/dashboard`);
    await page.waitForSelector('[data-status=live]');
    assert.equal(page.url(), `${server.url}/dvl/dashboard/`);
  });

  it('says that the server cannot be reached, and goes on when it can', async (t) => {
    const page = await browser.signedIn(t, server, { offline: true });
    await page.context().setOffline(true);
    await page.waitForSelector('[data-status=failing]');
    assert.match(await page.locator('[data-status=failing]').innerText(), /cannot be reached\s+Trying again in \d+ s/);
    await page.context().setOffline(false);
    await page.getByRole('button', { name: 'Try now' }).click();
    await page.waitForSelector('[data-status=live]');
  });

  it('is served with a strict policy, compressed, and asked for again only by its tag', async () => {
    const { headers, status } = await server.get('/dashboard/', { headers: { 'accept-encoding': 'gzip' } });
    assert.deepEqual([status, headers['content-encoding'], headers['cache-control']], [200, 'gzip', 'no-cache']);
    assert.match(headers['content-security-policy'], /^default-src 'none'; script-src 'self'; style-src 'self';/);
    assert.deepEqual([headers['referrer-policy'], headers['x-content-type-options']], ['no-referrer', 'nosniff']);
    const again = await server.get('/dashboard/', { headers: { 'accept-encoding': 'gzip', 'if-none-match': headers.etag } });
    assert.deepEqual([again.status, again.text], [304, '']);
    assert.equal((await server.request('HEAD', '/dashboard/')).status, 200);
    const { text } = await server.get('/dashboard/');
    for (const [, asset] of text.matchAll(/(?:src|href)="\.\/(assets\/[^"]+)"/g)) {
      const answer = await server.get(`/dashboard/${asset}`);
      assert.deepEqual([answer.status, answer.headers['cache-control']], [200, 'public, max-age=31536000, immutable'], asset);
    }
    assert.equal((await server.get('/dashboard/assets/none.js')).status, 404);
    assert.equal((await server.get('/dashboard/..%2f..%2fetc/passwd')).status, 404);
  });
});

describe('the page with figures', () => {
  const server = useServer();
  const browser = useBrowser();

  it('has no serious finding of axe, light and dark', async (t) => {
    await makeLoad(server, { messages: 20 });
    for (const colorScheme of ['light', 'dark']) {
      const page = await browser.signedIn(t, server, { colorScheme });
      await page.waitForSelector('[data-widget="end-to-end"] canvas');
      await assertAccessible(page, colorScheme);
      await page.getByRole('button', { name: 'Table of Message Throughput' }).click();
      await page.getByRole('button', { name: 'Custom' }).click();
      await assertAccessible(page, `${colorScheme}, with a table and the custom range`);
    }
  });

  it('fits 400 pixels', async (t) => {
    const page = await browser.signedIn(t, server, { viewport: { width: 400, height: 800 } });
    await page.waitForSelector('[data-widget="end-to-end"] canvas');
    assert.ok(await fitsItsWidth(page), 'the dashboard scrolls sideways');
    await page.getByRole('button', { name: 'Custom' }).click();
    assert.ok(await fitsItsWidth(page), 'the custom range scrolls sideways');
    await page.goto(`${server.url}/dashboard/runbook.html`);
    assert.ok(await fitsItsWidth(page), 'the runbook scrolls sideways');
  });

  it('changes theme when told to, and remembers', async (t) => {
    const page = await browser.signedIn(t, server, { colorScheme: 'light' });
    const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    const light = await background();
    await page.getByRole('button', { name: 'Dark' }).click();
    assert.notEqual(await background(), light);
    await page.reload();
    await page.getByRole('button', { name: 'Light', exact: true }).click();
    assert.equal(await background(), light);
  });

  it('shows another range, and a custom one', async (t) => {
    const page = await browser.signedIn(t, server);
    for (const [label, seconds, period] of [['15 min', 900, 10], ['24 h', 86_400, 300], ['30 d', 2_592_000, 3600]]) {
      const asked = page.waitForRequest((request) => asksFor(request, 'ClientEndToEndLatency', seconds, period));
      await page.getByRole('button', { name: label }).click();
      await asked;
      await page.waitForSelector('[data-status=live]');
      assert.equal(await page.getByRole('button', { name: label }).getAttribute('aria-pressed'), 'true');
    }
    await page.getByRole('button', { name: 'Custom' }).click();
    await page.getByLabel('From').fill('2020-01-01T00:00');
    await page.getByLabel('to', { exact: true }).fill('2019-01-01T00:00');
    await page.getByRole('button', { name: 'Show' }).click();
    await page.getByText('The end must come after the beginning.').waitFor();
    await page.getByLabel('to', { exact: true }).fill('2020-01-02T00:00');
    await page.getByRole('button', { name: 'Show' }).click();
    await page.locator('[data-widget="throughput"] .nothing').getByText('No samples in this range.').waitFor();
  });

  it('stands still while it is paused, or not looked at', async (t) => {
    const page = await browser.page(t, server);
    await page.clock.install();
    await page.goto(`${server.url}/dashboard/#token=${server.admin}`);
    await page.waitForSelector('[data-status=live]');
    const asked = [];
    page.on('request', (request) => asked.push(request.url()));
    const goesOn = async (action) => {
      const next = page.waitForResponse('**/dashboard/alarms');
      await action();
      await next;
      await page.waitForSelector('[data-status=live]');
    };
    const standsStill = async () => {
      asked.length = 0;
      await page.clock.fastForward(60_000);
      assert.deepEqual(asked, []);
    };
    const setHidden = (hidden) =>
      page.evaluate((value) => {
        Object.defineProperty(document, 'hidden', { value, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
      }, hidden);

    await goesOn(() => page.clock.fastForward(6000));
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.waitForSelector('[data-status=paused]');
    await standsStill();
    await goesOn(() => page.getByRole('button', { name: 'Resume' }).click());
    await setHidden(true);
    await standsStill();
    await goesOn(() => setHidden(false));
  });

  it('reads values off at the cursor, in all charts at once', async (t) => {
    const page = await browser.signedIn(t, server);
    const caption = (widget) => page.locator(`[data-widget="${widget}"] .legend thead th`).nth(1).innerText();
    await page.waitForSelector('[data-widget="end-to-end"] canvas');
    assert.match(await caption('end-to-end'), /^latest/);
    const box = await page.locator('[data-widget="end-to-end"] .u-over').boundingBox();
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await page.locator('[data-widget="end-to-end"] .legend thead', { hasText: /^\D*\d/ }).filter({ hasNotText: 'latest' }).waitFor();
    assert.match(await caption('end-to-end'), /^\d/);
    assert.equal(await caption('throughput'), await caption('end-to-end'));
  });

  it('is worked by the keyboard alone', async (t) => {
    const page = await browser.signedIn(t, server);
    await page.waitForSelector('[data-widget="end-to-end"] canvas');
    const names = [];
    for (let step = 0; step < 80; step += 1) {
      await page.keyboard.press('Tab');
      const focus = await page.evaluate(() => {
        const element = document.activeElement;
        if (!element || element === document.body) return null;
        const style = getComputedStyle(element);
        return { name: element.getAttribute('aria-label') ?? element.innerText ?? element.id, seen: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 };
      });
      if (focus === null) break;
      assert.ok(focus.seen, `${focus.name} has the focus, and nothing shows it`);
      names.push(focus.name);
    }
    for (const wanted of ['15 min', 'Custom', 'Pause', 'Sign out', 'Table of End-to-End Latency Percentiles', 'Look up', 'Alarms', 'Runbook: dead-letters']) {
      assert.ok(names.includes(wanted), `${wanted} is not reached: ${names.join(', ')}`);
    }
    const table = page.getByRole('button', { name: 'Table of End-to-End Latency Percentiles' });
    await table.focus();
    await page.keyboard.press('Enter');
    const first = page.locator('[data-widget="end-to-end"] .scroll tbody tr').first();
    assert.match(await first.innerText(), /\d ms/);
  });
});

/** Whether `request` is for the whole of a range, give or take a period. */
function asksFor(request, metric, seconds, period) {
  const query = new URL(request.url()).searchParams;
  const asked = (query.get('to') - query.get('from')) / 1000;
  return query.get('metric') === metric && query.get('period') === String(period) && asked >= seconds && asked <= seconds + period;
}
