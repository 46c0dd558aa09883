// The SDK in Node against a server that dies, drains and loses its data; and what it measures.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { fifo, unique, until, using } from './harness.mjs';
import { Screen, SdkClients, SteadyServer, buildPackage, untilStatus } from './sdk.mjs';
import { ChaosProxy } from './sdk_proxy.mjs';

before(() => buildPackage('sdk'));

describe('the SDK and a server that dies', () => {
  const server = using(new SteadyServer());
  const clients = new SdkClients(server);
  after(() => clients.closeAll());

  it('shows what was published while it was away, and goes on', async () => {
    const chatId = unique('chat');
    const { client, screen } = await clients.member('ann', chatId);
    for (const content of [1, 2]) await server.published(fifo({ chat: chatId, content }));
    await screen.until(2);
    server.door.shut = true;
    await server.kill9();
    await untilStatus(client, 'waiting');
    await server.start();
    for (const content of [3, 4]) await server.published(fifo({ chat: chatId, content }));
    await server.published({ chat: chatId, content: 'standard' });
    server.door.shut = false;
    await untilStatus(client, 'connected');
    await server.published(fifo({ chat: chatId, content: 5 }));
    await screen.until(6);
    assert.deepEqual(screen.numbers.filter(Boolean), [1, 2, 3, 4, 5]);
    assert.equal(screen.contents.filter((content) => content === 'standard').length, 1);
    assert.deepEqual(screen.ways, ['live', 'live', 'recovered', 'recovered', 'recovered', 'live']);
    assert.deepEqual(screen.missing, []);
  });

  it('a publish under way through the death is stored once', async () => {
    const chatId = unique('chat');
    const { chat, screen } = await clients.member('ann', chatId);
    const publishing = Promise.all(Array.from({ length: 200 }, (_, index) => chat.publish(index, {}, { via: index % 4 === 0 ? 'http' : 'socket' })));
    await until(() => screen.shown.length > 0, 'the first message');
    await server.kill9();
    await server.start();
    await publishing;
    await screen.until(200);
    const { json } = await server.get(`/messages?chatId=${chatId}&limit=1000&order=asc`, { token: server.admin });
    assert.deepEqual(json.messages.map(({ payload }) => payload.content).sort((a, b) => a - b), Array.from({ length: 200 }, (_, index) => index));
    assert.deepEqual(screen.shown.map(({ message }) => message.messageId), json.messages.map(({ messageId }) => messageId));
  });

  it('a drain is a reconnect', async () => {
    const chatId = unique('chat');
    const { client, screen } = await clients.member('ann', chatId);
    await server.terminate();
    await server.start();
    await untilStatus(client, 'connected');
    await server.published(fifo({ chat: chatId, content: 'after' }));
    await screen.until(1);
    assert.deepEqual(screen.contents, ['after']);
  });

  it('history first, then what comes, nothing twice', async () => {
    const chatId = unique('chat');
    for (let content = 1; content <= 5; content += 1) await server.published(fifo({ chat: chatId, content }));
    await server.grant('ann', chatId);
    const client = await clients.make('ann');
    const screen = new Screen();
    client.chat(chatId, { history: 3 }).subscribe(screen.listener);
    await client.connect();
    await screen.until(3);
    await server.published(fifo({ chat: chatId, content: 6 }));
    await screen.until(4);
    assert.deepEqual(screen.contents, [3, 4, 5, 6]);
    assert.deepEqual(screen.ways, ['history', 'history', 'history', 'live']);
  });

  it('walks a history of several pages', async () => {
    const chatId = unique('chat');
    const { client } = await clients.member('ann', chatId);
    for (let content = 1; content <= 7; content += 1) await server.published(fifo({ chat: chatId, content }));
    const pages = [];
    for await (const messages of client.historyPages({ chatId }, { limit: 3, order: 'asc' })) pages.push(messages.map(({ payload }) => payload.content));
    assert.deepEqual(pages, [[1, 2, 3], [4, 5, 6], [7]]);
  });

  it('hears its user, its org and everybody', async () => {
    const client = await clients.make('ann', { orgId: 'acme', token: () => server.token({ user: 'ann', claims: { 'custom:orgId': 'acme' } }) });
    const screen = new Screen();
    client.onMessage(screen.listener);
    await client.connect();
    for (const to of ['user:ann', 'org:acme', 'all']) await server.published({ to, content: to });
    await screen.until(3);
    assert.deepEqual(screen.contents.sort(), ['all', 'org:acme', 'user:ann']);
  });

  it('what it measured is in the figures', async () => {
    const count = async () => {
      const { text } = await server.get('/metrics', { token: server.admin });
      return Number(/^carillon_client_end_to_end_latency_seconds_count (\S+)$/m.exec(text)?.[1] ?? 0);
    };
    const chatId = unique('chat');
    const { client, screen } = await clients.member('ann', chatId);
    await until(() => client.latency.clockOffsetMs !== undefined, 'the clock offset');
    const earlier = await count();
    for (let content = 0; content < 20; content += 1) await server.published(fifo({ chat: chatId, content }));
    await screen.until(20);
    await client.close();
    await until(async () => (await count()) >= earlier + 20, '20 more latencies');
  });

  it('another store starts afresh', async () => {
    const chatId = unique('chat');
    const { client, screen } = await clients.member('ann', chatId);
    let resets = 0;
    client.onReset(() => (resets += 1));
    for (const content of [1, 2, 3]) await server.published(fifo({ chat: chatId, content }));
    await screen.until(3);
    await server.kill9();
    rmSync(server.dataDirectory, { recursive: true, force: true });
    await server.start();
    await server.grant('ann', chatId);
    await until(() => resets === 1, 'the reset', 30_000);
    await until(() => client.chat(chatId).status !== 'recovering', 'recovery to end');
    client.chat(chatId).subscribe(() => {});
    await until(() => client.chat(chatId).status === 'joined', 'the chat to be joined');
    await server.published(fifo({ chat: chatId, content: 'anew' }));
    await screen.until(4);
    assert.deepEqual([screen.contents.at(-1), screen.numbers.at(-1)], ['anew', 1]);
  });
});

describe('the SDK and a half-open connection', () => {
  const server = using(new SteadyServer());
  const clients = new SdkClients(server);
  const proxy = new ChaosProxy({ calm: true, port: () => server.port });
  using(proxy);
  after(() => clients.closeAll());

  it('finds it by its ping, and shows what it missed', async () => {
    const chatId = unique('chat');
    const { client, screen } = await clients.member('ann', chatId, { url: proxy.url });
    await server.published(fifo({ chat: chatId, content: 1 }));
    await screen.until(1);
    proxy.fallSilent();
    for (const content of [2, 3]) await server.published(fifo({ chat: chatId, content }));
    await screen.until(3);
    assert.deepEqual(screen.contents, [1, 2, 3]);
    assert.deepEqual(screen.ways, ['live', 'recovered', 'recovered']);
    assert.equal(client.state.status, 'connected');
  });
});
