// The SDK as a page of another origin uses it, in real Chromium against the real server.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fifo, unique, until } from '../integration/harness.mjs';
import { SteadyServer, buildPackage } from '../integration/sdk.mjs';
import { checkCore, setting } from '../integration/sdk_scenario.mjs';
import { useBrowser } from './browser.mjs';

const root = path.resolve(import.meta.dirname, '../..');
const FILES = {
  '/': ['text/html', () => '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>A page with the SDK</title>'],
  '/client.js': ['text/javascript', () => readFileSync(path.join(root, 'web/sdk/dist/index.js'))],
  '/core.js': ['text/javascript', () => readFileSync(path.join(root, 'tests/integration/sdk_core.mjs'))],
};

/** Serves the page: another origin than the service. */
class PageServer {
  async start() {
    this.server = http.createServer((request, response) => {
      const [type, body] = FILES[request.url] ?? [];
      if (type) response.writeHead(200, { 'content-type': `${type}; charset=utf-8` }).end(body());
      else response.writeHead(404).end();
    });
    await new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${this.server.address().port}`;
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

describe('the SDK in Chromium', () => {
  const browser = useBrowser();
  const pages = new PageServer();
  let server;
  before(async () => {
    await buildPackage('sdk');
    await pages.start();
    server = new SteadyServer({ config: { gateway: { allowed_origins: [pages.url] } } });
    await server.start();
  });
  after(async () => {
    await pages.stop();
    await server.stop();
  });

  const open = async (test, options) => enter(await browser.page(test, { url: pages.url, origins: [server.url], secrets: server.secrets }, options));
  const enter = async (page) => {
    await page.goto(pages.url);
    await page.evaluate(async () => {
      globalThis.sdk = await import('/client.js');
      globalThis.scenario = await import('/core.js');
    });
    return page;
  };

  it('does everything that needs no fault', async (test) => {
    const page = await open(test, { refusals: [403] });
    checkCore(await page.evaluate((plan) => scenario.core(sdk, plan), await setting(server)));
  });

  it('and with tickets', async (test) => {
    const page = await open(test, { refusals: [403] });
    const plan = { ...(await setting(server)), options: { authentication: 'ticket' } };
    checkCore(await page.evaluate((all) => scenario.core(sdk, all), plan));
  });

  it('comes back after the death of the server, and shows what it missed', async (test) => {
    const page = await open(test, { offline: true });
    const plan = await setting(server);
    const shown = () => page.evaluate(() => people.map((person) => person.shown.map(({ content }) => content)));
    await page.evaluate(async (all) => (globalThis.people = await scenario.enter(sdk, all)), plan);
    await server.published(fifo({ chat: plan.chatId, content: 1 }));
    await until(async () => (await shown()).every(({ length }) => length === 1), 'the first message in the page');
    server.door.shut = true;
    await server.kill9();
    await server.start();
    await server.published(fifo({ chat: plan.chatId, content: 2 }));
    server.door.shut = false;
    await until(async () => (await shown()).every(({ length }) => length === 2), 'the missed message in the page');
    await server.published(fifo({ chat: plan.chatId, content: 3 }));
    await until(async () => (await shown()).every(({ length }) => length === 3), 'the next message in the page');
    assert.deepEqual(await shown(), [[1, 2, 3], [1, 2, 3]]);
    await page.evaluate(() => Promise.all(people.map(({ client }) => client.close())));
  });

  it('pauses while the browser is offline, and goes on at once', async (test) => {
    const page = await open(test, { offline: true });
    const plan = await setting(server);
    await page.evaluate(async (all) => (globalThis.people = await scenario.enter(sdk, all)), plan);
    const states = () => page.evaluate(() => people.map(({ client }) => client.state.status));
    // The network of the page is gone; a connection that is open only dies by its server.
    await page.context().setOffline(true);
    await server.kill9();
    await until(async () => (await states()).every((status) => status === 'paused'), 'both to pause');
    await server.start();
    await server.published(fifo({ chat: plan.chatId, content: 'meanwhile' }));
    await page.context().setOffline(false);
    await until(() => page.evaluate(() => people.every(({ shown }) => shown.length === 1)), 'the missed message in the page');
    assert.deepEqual(await states(), ['connected', 'connected']);
  });

  it('stops when the upgrade was refused, which a page cannot read', async (test) => {
    // Chromium itself complains of refused upgrades, which the pages of other tests must not have.
    const context = await browser.browser.newContext();
    test.after(() => context.close());
    const page = await enter(await context.newPage());
    const refused = (options) => page.evaluate(async (all) => {
      const client = new sdk.CarillonClient(all);
      const error = await client.connect().then(() => undefined, ({ name, code, status }) => ({ name, code, status }));
      return { ...error, state: client.state.status };
    }, { url: server.url, ...options });
    assert.deepEqual(await refused({ token: server.token({ user: 'ann', ttl: -3600 }) }), { name: 'CarillonError', code: 'unauthorized', status: 401, state: 'stopped' });
    assert.deepEqual(await refused({ token: server.token('ann'), orgId: unique('org') }), { name: 'CarillonError', code: 'forbidden', status: 403, state: 'stopped' });
  });
});
