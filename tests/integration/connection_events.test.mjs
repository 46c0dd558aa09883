// CONTRACT §12: connection events: signed webhooks per connect and disconnect, and the veto on a connect.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Server, assertRefused, message, unique, until, using, within } from './harness.mjs';
import { WebhookReceiver } from './webhooks.mjs';

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** A server with a receiver of both events, which ends after the server. */
class ServerWithReceiver extends Server {
  constructor(events = {}, config = {}) {
    super({ config });
    this.eventKeys = events;
    this.receiver = new WebhookReceiver();
  }

  async prepare() {
    if (!this.receiver.server) await this.receiver.start();
    const { port, secret } = this.receiver;
    this.config.events = { connect_url: `http://127.0.0.1:${port}/connect?at=1`, disconnect_url: `http://127.0.0.1:${port}/disconnect`, secret, ...this.eventKeys };
  }

  async stop() {
    try {
      await super.stop();
    } finally {
      await this.receiver.stop();
    }
    for (const { text } of this.log) assert.ok(!text.includes(this.receiver.secret), 'the secret is in no log line');
  }

  event(type, user, what = `the ${type} of ${user}`) {
    return this.receiver.next((delivery) => delivery.data?.type === type && delivery.data.userId === user, what);
  }

  async figure(name, labels = '') {
    const { text } = await this.get('/metrics', { token: this.admin });
    const line = text.split('\n').find((one) => one.startsWith(`${name}${labels} `));
    return line === undefined ? undefined : Number(line.split(' ').at(-1));
  }
}

const useEvents = (...options) => using(new ServerWithReceiver(...options));

/** Lets the test decide when and how the receiver answers for a user; 200 for everybody else. */
function decide(receiver, type, user) {
  let answer;
  const asked = new Promise((resolve) => {
    const verdict = new Promise((settle) => (answer = settle));
    const others = receiver.statuses[0];
    receiver.statuses = [
      (delivery) => {
        if (delivery.data?.type !== type || delivery.data.userId !== user) return typeof others === 'function' ? others(delivery) : others;
        resolve(delivery);
        return verdict;
      },
    ];
  });
  return { asked: within(asked, `the receiver to be asked about ${user}`), answer: (status) => answer(status) };
}

describe('connection events', () => {
  const server = useEvents();
  const { receiver } = server;

  it('are signed POSTs of what the connection is', async () => {
    const [user, chat] = [unique('user'), unique('chat')];
    await server.grant(user, chat);
    const token = server.token({ user, claims: { 'custom:orgId': 'acme' } });
    const client = await server.connect({ token, chats: [chat], query: { orgId: 'acme' }, headers: { 'user-agent': 'agent 7' } });
    const connected = await server.event('connect', user);
    assert.deepEqual([connected.method, connected.url, connected.signed], ['POST', '/connect?at=1', true]);
    assert.match(connected.headers['content-type'], /^application\/json/);
    const { timestamp, ...rest } = connected.data;
    assert.match(timestamp, ISO);
    assert.deepEqual(rest, { type: 'connect', connectionId: client.hello.connectionId, userId: user, chatIds: [chat], orgId: 'acme', sourceIp: '127.0.0.1', userAgent: 'agent 7' });

    const later = unique('chat');
    await server.grant(user, later);
    await client.ask({ action: 'subscribe', chatIds: [later] });
    await client.ask({ action: 'unsubscribe', chatIds: [chat] });
    await client.close(4403, 'what a client says');
    const disconnected = await server.event('disconnect', user);
    assert.deepEqual([disconnected.url, disconnected.signed], ['/disconnect', true]);
    assert.notEqual(disconnected.headers['webhook-id'], connected.headers['webhook-id']);
    const { timestamp: end, connectedAt, ...left } = disconnected.data;
    assert.match(end, ISO);
    assert.ok(Date.parse(connectedAt) <= Date.parse(end));
    assert.deepEqual(left, { type: 'disconnect', connectionId: client.hello.connectionId, userId: user, chatIds: [later], reason: 'client closed', code: 4403 });
    for (const each of [connected, disconnected]) assert.ok(!JSON.stringify([each.headers, each.body]).includes(token), 'no token');
  });

  it('say why the server closed', async () => {
    const operator = unique('user');
    const client = await server.connect({ as: operator });
    await server.delete(`/connections?userId=${operator}`, { token: server.admin });
    await client.whenClosed();
    const { data } = await server.event('disconnect', operator);
    assert.deepEqual([data.reason, data.code], ['disconnected by an operator', 4403]);

    const binary = unique('user');
    (await server.connect({ as: binary })).raw(Buffer.from('x'), { binary: true });
    assert.deepEqual([(await server.event('disconnect', binary)).data.reason], ['protocol error']);

    const lost = unique('user');
    (await server.connect({ as: lost })).terminate();
    const gone = (await server.event('disconnect', lost)).data;
    assert.deepEqual([gone.reason, gone.code], ['connection lost', 1006]);
  });

  it('of one connection keep their order and hold up no other', async () => {
    const [slow, quick] = [unique('slow'), unique('quick')];
    const { asked, answer } = decide(receiver, 'connect', slow);
    const client = await server.connect({ as: slow });
    await asked;
    await client.close();
    for (let index = 0; index < 5; index += 1) {
      const other = await server.connect({ as: quick });
      await server.event('connect', quick);
      await other.close();
      await server.event('disconnect', quick);
    }
    assert.ok(!receiver.deliveries.drain().some(({ data }) => data.userId === slow && data.type === 'disconnect'), 'its disconnect waits');
    assert.ok((await server.figure('carillon_connection_events_waiting')) >= 2);
    answer(200);
    await server.event('disconnect', slow);
  });

  it('are tried again under the same id', async () => {
    const user = unique('user');
    let failures = 1;
    receiver.statuses = [(delivery) => (delivery.data.userId === user && failures-- > 0 ? 500 : 200)];
    await server.connect({ as: user });
    const first = await server.event('connect', user);
    const again = await server.event('connect', user);
    assert.equal(again.headers['webhook-id'], first.headers['webhook-id']);
    assert.equal(again.body, first.body);
    assert.ok(again.signed);
    const failed = await server.lines.next(({ data }) => data?.event_type === 'connection_event_failed', 'the log line');
    assert.deepEqual([failed.data.event, failed.data.attempt, failed.data.reason], ['connect', 1, 'status 500']);
  });

  it('are counted', async () => {
    await until(async () => (await server.figure('carillon_connection_events_waiting')) === 0, 'all is told');
    assert.ok((await server.figure('carillon_connection_events_total', '{event="connect",result="sent"}')) >= 5);
    assert.ok((await server.figure('carillon_connection_events_total', '{event="disconnect",result="sent"}')) >= 5);
    assert.equal(await server.figure('carillon_connection_events_total', '{event="connect",result="failed"}'), 0);
    assert.equal(await server.figure('carillon_connects_rejected_total', '{by="receiver"}'), 0);
  });
});

describe('a receiver that may reject', () => {
  const server = useEvents({ connect_may_reject: true });
  const { receiver } = server;
  const noDisconnect = async (user) => {
    await until(async () => (await server.figure('carillon_connection_events_waiting')) === 0, 'all is told');
    assert.ok(!receiver.deliveries.drain().some(({ data }) => data.userId === user && data.type === 'disconnect'), 'no disconnect');
  };

  it('lets in with 2xx; until then there is no such connection', async () => {
    const [user, chat] = [unique('user'), unique('chat')];
    await server.grant(user, chat);
    const { asked, answer } = decide(receiver, 'connect', user);
    const connecting = server.connect({ as: user, query: { chatId: '*' } });
    const { data } = await asked;
    assert.deepEqual(data.chatIds, [chat], 'what * stands for');
    await server.published(message({ chat, content: 'meanwhile' }));
    const token = server.admin;
    assert.equal((await server.get(`/connections?userId=${user}`, { token })).json.count, 0);
    assert.deepEqual((await server.get(`/presence?chatId=${chat}`, { token })).json.users, []);
    assert.equal((await server.get(`/@connections/${encodeURIComponent(data.connectionId)}`, { token })).status, 410);
    assert.equal(await Promise.race([connecting.then(() => 'open'), server.get('/health').then(() => 'waiting')]), 'waiting');
    answer(204);
    const client = await connecting;
    assert.equal(client.hello.connectionId, data.connectionId);
    assert.equal((await server.get(`/connections?userId=${user}`, { token })).json.count, 1);
    const sent = await server.published(message({ chat, content: 'after the 101' }));
    assert.equal((await client.nextMessage()).data.messageId, sent.messageId);
    const { json } = await server.get(`/messages?chatId=${chat}`, { token: server.token(user) });
    assert.equal(json.messages.length, 2, 'what came meanwhile is in the history');
  });

  it('lets in nobody whose right was revoked meanwhile, and hears of it', async () => {
    const [user, chat] = [unique('user'), unique('chat')];
    await server.grant(user, chat);
    const { asked, answer } = decide(receiver, 'connect', user);
    const refused = server.refused({ as: user, chats: [chat] });
    const { data } = await asked;
    const revoked = await server.delete(`/permissions?userId=${user}&chatId=${chat}`, { token: server.admin });
    assert.equal(revoked.status, 200);
    answer(200);
    assertRefused(await refused, 403, 'Forbidden - No chat access');
    const told = (await server.event('disconnect', user)).data;
    assert.deepEqual([told.connectionId, told.reason, told.code], [data.connectionId, 'not admitted', 1006]);
  });

  it('is what POST /tickets answers for after it refused', async () => {
    const [user, chat] = [unique('user'), unique('chat')];
    await server.grant(user, chat);
    const sells = async (query = '') => (await server.post(`/tickets${query}`, undefined, { token: server.token(user) })).status;
    receiver.statuses = [(delivery) => (delivery.data.userId === user ? 403 : 200)];
    assert.equal(await sells(), 201);
    await server.refused({ as: user });
    assertRefused(await server.post('/tickets', undefined, { token: server.token(user) }), 403, 'Forbidden - Connection rejected');
    assert.equal(await sells(`?chatId=${chat}`), 201, 'that it was not asked about');
    receiver.statuses = [200];
    await server.connect({ as: user });
    assert.equal(await sells(), 201);
  });

  it('refuses with 403: the connection never was', async () => {
    const user = unique('user');
    const before = await server.figure('carillon_connects_rejected_total', '{by="receiver"}');
    receiver.statuses = [(delivery) => (delivery.data.userId === user ? 403 : 200)];
    assertRefused(await server.refused({ as: user }), 403, 'Forbidden - Connection rejected');
    const { json } = await server.get(`/connections?userId=${user}`, { token: server.admin });
    assert.deepEqual(json.connections, []);
    assert.equal(await server.figure('carillon_connects_rejected_total', '{by="receiver"}'), before + 1);
    await noDisconnect(user);
  });

  it('is asked only about those whom Carillon itself would let in', async () => {
    const user = unique('user');
    assertRefused(await server.refused({ as: user, chats: ['a-chat-of-others'] }), 403, 'Forbidden - No chat access');
    await (await server.connect({ as: unique('other') })).close();
    assert.ok(!receiver.deliveries.drain().some(({ data }) => data.userId === user));
  });

  it('is asked again when it fails', async () => {
    const user = unique('user');
    let failures = 2;
    receiver.statuses = [(delivery) => (delivery.data.userId === user && failures-- > 0 ? 500 : 200)];
    const client = await server.connect({ as: user });
    const ids = [];
    for (let index = 0; index < 3; index += 1) ids.push((await server.event('connect', user)).headers['webhook-id']);
    assert.equal(new Set(ids).size, 1);
    await client.close();
  });

  it('holds up nobody by being slow about somebody else', async () => {
    const [slow, quick] = [unique('slow'), unique('quick')];
    const { asked, answer } = decide(receiver, 'connect', slow);
    const waiting = server.connect({ as: slow });
    await asked;
    for (let index = 0; index < 5; index += 1) await (await server.connect({ as: quick })).close();
    answer(200);
    await (await waiting).close();
  });

  it('tells the end of a client that went away while it waited, if it was let in', async () => {
    for (const status of [200, 403]) {
      const user = unique('user');
      const { asked, answer } = decide(receiver, 'connect', user);
      const raw = await server.raw();
      raw.write(`GET /dvl HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nAuthorization: Bearer ${server.token(user)}\r\n\r\n`);
      await asked;
      raw.destroy();
      answer(status);
      // The server sees it leave before the verdict or after it.
      if (status === 200) assert.ok(['not admitted', 'connection lost'].includes((await server.event('disconnect', user)).data.reason));
      else await noDisconnect(user);
      await until(async () => (await server.get(`/connections?userId=${user}`, { token: server.admin })).json.count === 0, 'it is in no list');
    }
  });

  it('is not asked again about a client that went away', async () => {
    const user = unique('user');
    let asked = 0;
    receiver.statuses = [(delivery) => (delivery.data.userId === user ? ((asked += 1), 500) : 200)];
    const raw = await server.raw();
    raw.write(`GET /dvl HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nAuthorization: Bearer ${server.token(user)}\r\n\r\n`);
    await until(() => asked >= 3, 'three attempts');
    raw.destroy();
    await noDisconnect(user);
    assert.ok(asked <= 4, `${asked} attempts: the next would have come for seconds`);
  });

  it('that cannot be reached hears nothing of whom it was not asked about', async () => {
    const user = unique('user');
    receiver.statuses = [200];
    await receiver.stop();
    assertRefused(await within(server.refused({ as: user }), 'the answer', 25_000), 503, 'Service unavailable');
    await receiver.start();
    await noDisconnect(user);
  });

  it('that never answers means 503 for now, and what it may believe open is told closed', async () => {
    const user = unique('user');
    const { answer } = decide(receiver, 'connect', user);
    const headers = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==', authorization: `Bearer ${server.token(user)}` };
    const begun = performance.now();
    const refused = await within(server.exchange('GET', '/dvl', headers), 'the answer', 25_000);
    const ms = performance.now() - begun;
    assertRefused(refused, 503, 'Service unavailable');
    assert.ok(Number(refused.headers['retry-after']) >= 1);
    assert.ok(ms > 8500 && ms < 12_000, `${ms} ms`);
    const { data } = await server.event('disconnect', user);
    assert.equal(data.reason, 'not admitted');
    assert.equal(await server.figure('carillon_connects_rejected_total', '{by="failure"}'), 2);
    answer(200);
  });
});

describe('a stop', () => {
  it('tells the disconnects that it makes', async () => {
    const server = new ServerWithReceiver();
    await server.start();
    try {
      const users = Array.from({ length: 20 }, () => unique('user'));
      await Promise.all(users.map((as) => server.connect({ as })));
      const { code } = await server.terminate();
      assert.equal(code, 0);
      for (const user of users) {
        const { data } = await server.event('disconnect', user);
        assert.deepEqual([data.reason, data.code], ['draining', 1001]);
      }
    } finally {
      await server.stop();
    }
  });

  it('leaves nobody believed open whose verdict comes during it', async () => {
    const server = new ServerWithReceiver({ connect_may_reject: true });
    await server.start();
    try {
      const users = Array.from({ length: 10 }, () => unique('user'));
      const verdicts = users.map((user) => decide(server.receiver, 'connect', user));
      const refused = users.map((as) => server.connect({ as }).catch(() => undefined));
      await Promise.all(verdicts.map(({ asked }) => asked));
      const stopped = server.terminate();
      await until(async () => (await server.get('/ready')).status === 503, 'it drains');
      for (const { answer } of verdicts) answer(200);
      for (const user of users) assert.ok(['draining', 'not admitted', 'connection lost'].includes((await server.event('disconnect', user)).data.reason));
      assert.equal((await stopped).code, 0);
      await Promise.all(refused);
    } finally {
      await server.stop();
    }
  });

  it('does not wait for a receiver that does not answer', async () => {
    const server = new ServerWithReceiver();
    await server.start();
    try {
      server.receiver.statuses = [new Promise(() => {})];
      await Promise.all(Array.from({ length: 5 }, () => server.connect()));
      const begun = performance.now();
      assert.equal((await server.terminate()).code, 0);
      assert.ok(performance.now() - begun < 15_000);
      assert.ok(server.log.some(({ data }) => data?.event_type === 'connection_event_given_up'));
    } finally {
      await server.stop();
    }
  });
});
