// The comments application, all three of its programs, as people see it in two windows.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { CommentsApplication } from '../../examples/comments/application.mjs';
import { BINARY, PATIENCE_MS, removeDirectory, temporaryDirectory, unique, until } from '../integration/harness.mjs';
import { assertAccessible, fitsItsWidth, useBrowser } from './browser.mjs';

const web = path.resolve(import.meta.dirname, '../../build/example-comments/web');

/** The application while the tests of a describe block run, on free ports. */
function useApplication(options = {}) {
  const application = new CommentsApplication({ programs: path.dirname(BINARY), web, ports: { carillon: 0, api: 0, web: 0 }, ...options });
  before(async () => {
    assert.ok(existsSync(web), 'no front end: run script/example-comments --export');
    application.data = temporaryDirectory();
    await application.start();
  });
  after(async () => {
    await application.stop();
    removeDirectory(application.data);
  });
  return application;
}

const connected = (page) => page.waitForSelector('[data-status=connected]');
const commentOf = (page, text) => page.locator('[data-comment]').filter({ hasText: text });
const toastOf = (page, text) => page.locator('[data-toast]').filter({ hasText: text });

/** A window on a post, nobody signed in. `offline`: a server is taken away, so that failing requests are expected. */
async function windowOn(test, browser, application, { post = 'welcome', ...options } = {}) {
  const api = `http://localhost:${application.ports.api}`;
  const server = { url: application.url, origins: [api, `http://localhost:${application.ports.carillon}`], secrets: new Set() };
  const page = await browser.page(test, server, options);
  page.on('response', async (response) => {
    if (response.url() !== `${api}/api/v1/session` || response.status() !== 201) return;
    const { token } = await response.json().catch(() => ({}));
    if (token) server.secrets.add(token);
  });
  await page.goto(`${application.url}/?post=${post}`);
  return page;
}

async function signedIn(test, browser, application, name, options) {
  const page = await windowOn(test, browser, application, options);
  await page.getByLabel('Your name').fill(name);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await connected(page);
  await page.waitForSelector('[data-comments=ready]');
  return page;
}

const annAndBen = async (...context) => [await signedIn(...context, 'ann', { offline: true }), await signedIn(...context, 'ben', { offline: true })];

async function write(page, text) {
  await page.getByLabel('Your comment', { exact: true }).fill(text);
  await page.getByRole('button', { name: 'Post', exact: true }).click();
}

describe('two windows', () => {
  const application = useApplication();
  const browser = useBrowser();

  it('show a comment in both, with a toast for the other', async (t) => {
    const [ann, ben] = await annAndBen(t, browser, application);
    const text = unique('hello');
    await write(ann, text);
    await commentOf(ben, text).waitFor();
    await toastOf(ben, text).getByText('ann').waitFor();
    await commentOf(ann, text).waitFor();
    assert.equal(await commentOf(ann, text).count(), 1);
    assert.equal(await ann.locator('[data-draft]').count(), 0);
    assert.equal(await toastOf(ann, text).count(), 0, 'a toast for one’s own comment');
    await toastOf(ben, text).getByRole('button', { name: /^Dismiss/ }).click();
    await toastOf(ben, text).waitFor({ state: 'detached' });
    assert.equal(await commentOf(ben, text).getByRole('button').count(), 0, 'ben may change ann’s comment');
  });

  it('change and delete a comment in both', async (t) => {
    const [ann, ben] = await annAndBen(t, browser, application);
    const [first, second] = [unique('first'), unique('second')];
    await write(ann, first);
    await commentOf(ann, first).getByRole('button', { name: 'Edit' }).click();
    await ann.getByLabel('Change your comment').fill(second);
    await ann.keyboard.press('Control+Enter');
    await commentOf(ben, second).getByText('edited').waitFor();
    await commentOf(ann, second).getByText('edited').waitFor();
    assert.equal(await commentOf(ben, first).count(), 0);
    await commentOf(ann, second).getByRole('button', { name: 'Delete' }).click();
    await commentOf(ann, second).getByRole('button', { name: 'Keep it' }).click();
    await commentOf(ann, second).getByRole('button', { name: 'Delete' }).click();
    await ann.getByRole('button', { name: 'Yes, delete' }).click();
    await commentOf(ann, second).waitFor({ state: 'detached' });
    await commentOf(ben, second).waitFor({ state: 'detached' });
    assert.equal(await ann.evaluate(() => document.activeElement.tagName), 'H2', 'the focus is lost');
  });

  it('come back by themselves after the server was killed, with what was written meanwhile', async (t) => {
    const [ann, ben] = await annAndBen(t, browser, application);
    const [before_, during, afterwards] = [unique('before'), unique('during'), unique('after')];
    await write(ann, before_);
    await commentOf(ben, before_).waitFor();
    await application.carillon.stop('SIGKILL');
    for (const page of [ann, ben]) await page.getByText('Connection lost').waitFor();
    await write(ann, during);
    await commentOf(ann, during).waitFor();
    assert.equal(await commentOf(ben, during).count(), 0);
    await application.startCarillon();
    for (const page of [ann, ben]) {
      await connected(page);
      await commentOf(page, during).waitFor();
      assert.equal(await commentOf(page, before_).count(), 1);
    }
    await write(ben, afterwards);
    await commentOf(ann, afterwards).waitFor();
    await toastOf(ann, afterwards).waitFor();
  });

  it('tell of comments on other posts, with a link there', async (t) => {
    const ann = await signedIn(t, browser, application, 'ann');
    const ben = await signedIn(t, browser, application, 'ben', { post: 'slow-trains' });
    const text = unique('elsewhere');
    await write(ben, text);
    await toastOf(ann, text).getByRole('link', { name: 'In praise of slow trains' }).click();
    await commentOf(ann, text).waitFor();
    await connected(ann);
    assert.equal(new URL(ann.url()).searchParams.get('post'), 'slow-trains');
  });

  it('keep the focus where toasts are when one is dismissed by the keyboard or deleted', async (t) => {
    const [ann, ben] = await annAndBen(t, browser, application);
    const texts = Array.from({ length: 3 }, () => unique('toast'));
    for (const text of texts) {
      await write(ben, text);
      await toastOf(ann, text).waitFor();
    }
    const focusedToast = () => ann.evaluate(() => document.activeElement.closest('[data-toast]')?.textContent ?? document.activeElement.getAttribute('aria-label'));
    await toastOf(ann, texts[0]).getByRole('button').focus();
    await ann.keyboard.press('Enter');
    await toastOf(ann, texts[0]).waitFor({ state: 'detached' });
    assert.ok((await focusedToast()).includes(texts[1]));
    await commentOf(ben, texts[1]).getByRole('button', { name: 'Delete' }).click();
    await ben.getByRole('button', { name: 'Yes, delete' }).click();
    await toastOf(ann, texts[1]).waitFor({ state: 'detached' });
    assert.equal(await focusedToast(), 'Notifications');
    await ann.keyboard.press('Tab');
    assert.ok((await focusedToast()).includes(texts[2]));
    await ann.keyboard.press('Enter');
    await toastOf(ann, texts[2]).waitFor({ state: 'detached' });
    assert.equal(await focusedToast(), 'Notifications');
  });

  it('keep a toast that is being read while another goes', async (t) => {
    const [ann, ben] = await annAndBen(t, browser, application);
    await ann.clock.install();
    const [read, deleted] = [unique('read'), unique('deleted')];
    for (const text of [read, deleted]) {
      await write(ben, text);
      await toastOf(ann, text).waitFor();
    }
    await toastOf(ann, read).hover();
    await commentOf(ben, deleted).getByRole('button', { name: 'Delete' }).click();
    await ben.getByRole('button', { name: 'Yes, delete' }).click();
    await toastOf(ann, deleted).waitFor({ state: 'detached' });
    await ann.clock.runFor(20_000);
    assert.equal(await toastOf(ann, read).count(), 1);
    await ann.mouse.move(5, 500);
    await until(async () => {
      await ann.clock.runFor(1000);
      return (await toastOf(ann, read).count()) === 0;
    }, 'the toast goes when nobody reads it');
  });

  it('show the service’s test messages', async (t) => {
    const ann = await signedIn(t, browser, application, 'ann');
    const message = unique('test');
    const post = (target, body, token) => fetch(`http://127.0.0.1:${application.ports.api}${target}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
      body: JSON.stringify(body),
    });
    const { token } = await (await post('/api/v1/session', { userId: 'tester' })).json();
    const answer = await post('/websocket/test', { message }, token);
    assert.ok(answer.ok, await answer.text());
    await toastOf(ann, message).waitFor();
  });

  it('show what is written as text', async (t) => {
    const narrow = { viewport: { width: 400, height: 800 } };
    const ann = await signedIn(t, browser, application, 'ann', narrow);
    const ben = await signedIn(t, browser, application, 'ben', narrow);
    const mark = unique('x');
    const hostile = `<img src=x onerror="document.title='hacked'"> <script>alert(1)</script> \u202Egnol ${'w'.repeat(300)} ${mark}`;
    await write(ann, hostile);
    await commentOf(ben, mark).waitFor();
    for (const page of [ann, ben]) {
      assert.ok((await commentOf(page, mark).innerText()).includes(hostile));
      assert.equal(await commentOf(page, mark).locator('img, script').count(), 0);
      assert.ok(await fitsItsWidth(page), 'has to be scrolled sideways');
      assert.equal(await page.title(), 'The Bell Tower');
    }
  });

  it('stay signed in over a reload, and keep nothing secret', async (t) => {
    const page = await signedIn(t, browser, application, 'ann');
    await page.reload();
    await connected(page);
    assert.equal(await page.evaluate(() => [...Object.values(sessionStorage), ...Object.values(localStorage), document.cookie].join('')), 'ann');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Your name').waitFor();
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  });
});

describe('the page', () => {
  const application = useApplication();
  const browser = useBrowser();

  for (const colorScheme of ['light', 'dark']) {
    it(`is accessible and fits 400 px, ${colorScheme}`, async (t) => {
      const look = { colorScheme, viewport: { width: 400, height: 900 }, reducedMotion: 'reduce' };
      const ann = await windowOn(t, browser, application, look);
      await ann.getByLabel('Your name').waitFor();
      await assertAccessible(ann, 'signing in');
      const ben = await signedIn(t, browser, application, 'ben', look);
      const cat = await signedIn(t, browser, application, 'cat', look);
      const text = unique('look');
      await write(ben, text);
      await toastOf(cat, text).waitFor();
      await assertAccessible(cat, 'a toast');
      await commentOf(ben, text).getByRole('button', { name: 'Edit' }).click();
      await assertAccessible(ben, 'changing');
      await ben.keyboard.press('Escape');
      await commentOf(ben, text).getByRole('button', { name: 'Delete' }).click();
      await assertAccessible(ben, 'deleting');
      for (const page of [ann, ben, cat]) assert.ok(await fitsItsWidth(page), 'has to be scrolled sideways');
    });
  }

  it('can be used without a mouse', async (t) => {
    const page = await windowOn(t, browser, application);
    const focused = (name) => until(async () => {
      await page.keyboard.press('Tab');
      return page.evaluate(() => document.activeElement.labels?.[0]?.textContent ?? document.activeElement.textContent).then((text) => text === name);
    }, `Tab reaches ${name}`);
    await page.getByLabel('Your name').waitFor();
    await focused('Your name');
    await page.keyboard.type('keys');
    await page.keyboard.press('Enter');
    await connected(page);
    const text = unique('typed');
    await focused('Your comment');
    await page.keyboard.type(text);
    await page.keyboard.press('Control+Enter');
    await commentOf(page, text).getByRole('button', { name: 'Edit' }).waitFor();
    await page.getByRole('heading', { level: 1 }).click();
    await focused('Edit');
    await page.keyboard.press('Enter');
    await page.getByLabel('Change your comment').waitFor();
    await page.keyboard.press('Escape');
    await until(() => page.evaluate(() => document.activeElement.textContent === 'Edit'), 'the focus is back on Edit');
  });

  it('says what is wrong when the service is gone, and posts when it is back', async (t) => {
    const page = await signedIn(t, browser, application, 'ann', { offline: true });
    const text = unique('lost');
    await application.api.stop('SIGKILL');
    await write(page, text);
    const draft = page.locator('[data-draft=failed]').filter({ hasText: text });
    await draft.getByText('does not answer').waitFor();
    await assertAccessible(page, 'a comment that failed');
    await application.startApi();
    await draft.getByRole('button', { name: 'Try again' }).click();
    await commentOf(page, text).waitFor();
    assert.equal(await page.locator('[data-draft]').count(), 0);
  });

  it('says that there is no such post', async (t) => {
    const page = await windowOn(t, browser, application, { post: '%3Cb%3Enone' });
    await page.getByRole('heading', { name: 'There is no such post' }).waitFor();
  });

  it('is served from its own directory only', async () => {
    const raw = (target, options) => fetch(`${application.url}${target}`, options);
    for (const target of ['/..%2f..%2fpackage.json', '/%2e%2e/%2e%2e/package.json', '/%00', '/%', '/none']) {
      assert.equal((await raw(target)).status, 404, target);
    }
    assert.equal((await raw('/', { method: 'POST' })).status, 405);
    const { headers } = await raw('/');
    assert.match(headers.get('content-security-policy'), /default-src 'none'; script-src 'self' 'sha256-/);
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
  });
});

describe('with the seed’s five attempts', () => {
  const application = useApplication({ reconnect: 'seed' });
  const browser = useBrowser();

  it('gives up, says so, and connects again when asked to', async (t) => {
    const page = await windowOn(t, browser, application, { offline: true });
    await page.clock.install();
    await page.getByLabel('Your name').fill('ann');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await connected(page);
    await application.carillon.stop('SIGKILL');
    const reconnect = page.getByRole('button', { name: 'Reconnect' });
    await until(async () => {
      await page.clock.runFor(500);
      return reconnect.isVisible();
    }, 'the page gives up', 4 * PATIENCE_MS);
    await assertAccessible(page, 'given up');
    await reconnect.click();
    await page.waitForSelector('[data-status=connecting], [data-status=waiting]');
    await until(async () => {
      await page.clock.runFor(500);
      return reconnect.isVisible();
    }, 'the page gives up again', 4 * PATIENCE_MS);
    await application.startCarillon();
    await reconnect.click();
    await connected(page);
  });
});
