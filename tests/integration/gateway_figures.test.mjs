// CONTRACT §13: what the gateway and the authorizers count, as GET /metrics shows it.
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { unique, until, useServer } from './harness.mjs';
import { parseMetrics, value } from './promtool.mjs';

describe('figures of the gateway', () => {
  const server = useServer();
  let token;
  before(() => {
    token = server.token({ user: 'prometheus', scopes: ['carillon/metrics'] });
  });
  const scrape = async () => {
    const { status, text } = await server.get('/metrics', { token });
    assert.equal(status, 200, text);
    return parseMetrics(text);
  };
  const read = (families, name, labels, suffix) => (families.get(name) && families.get(name).samples
    .some((sample) => Object.entries(labels ?? {}).every(([label, wanted]) => sample.labels[label] === wanted))
    ? value(families, name, labels, suffix) : 0);
  /** By how much a figure rises while `act` runs; waits until it has risen by at least `expected`. */
  const risen = async (name, labels, act, expected, suffix) => {
    const start = read(await scrape(), name, labels, suffix);
    await act();
    await until(async () => read(await scrape(), name, labels, suffix) - start >= expected, `${name} ${JSON.stringify(labels)} to rise by ${expected}`);
    assert.equal(read(await scrape(), name, labels, suffix) - start, expected, `${name} ${JSON.stringify(labels)}`);
  };

  it('counts requests by route, method and status, and never by id', async () => {
    const chat = unique('chat');
    const requests = (route, method, status) => ['carillon_http_requests_total', { route, method, status }];
    await risen(...requests('/publish', 'POST', '200'), () => server.published({ to: 'user:bob' }), 1);
    await risen(...requests('/publish', 'POST', '400'), () => server.post('/publish', '{', { user: 'alice' }), 1);
    await risen(...requests('/publish', 'POST', '401'), () => server.post('/publish', '{}'), 1);
    await risen(...requests('unrouted', 'GET', '404'), () => server.get(`/${chat}`), 1);
    await risen(...requests('unrouted', 'other', '405'), () => server.request('PROPFIND', '/publish'), 1);
    await risen(...requests('/queues/{name}/messages', 'GET', '404'), () => server.get(`/queues/${chat}/messages`, { token: server.admin }), 1);
    await risen('carillon_http_request_duration_seconds', { route: '/publish' }, () => server.published({ to: 'user:bob' }), 1, '_count');
    const routes = new Set((await scrape()).get('carillon_http_requests_total').samples.map((sample) => sample.labels.route));
    assert.ok(![...routes].some((route) => route.includes(chat)), [...routes].join(' '));
  });

  it('counts connections as they open and close', async () => {
    await risen('carillon_connections_opened_total', {}, async () => (await server.connect()).close(), 1);
    await risen('carillon_connections_closed_total', { code: '1000' }, async () => (await server.connect()).close(1000), 1);
    await risen('carillon_connections_closed_total', { code: 'other' }, async () => (await server.connect()).close(4999), 1);
    await risen('carillon_connections_closed_total', { code: '1006' }, async () => (await server.connect()).terminate(), 1);
    const user = unique('thrown-out');
    await risen('carillon_connections_closed_total', { code: '4403' }, async () => {
      const client = await server.connect({ as: user });
      await server.delete(`/connections?userId=${user}`, { token: server.admin });
      assert.equal((await client.whenClosed()).code, 4403);
    }, 1);
    const live = read(await scrape(), 'carillon_connections');
    const clients = await Promise.all([1, 2, 3].map(() => server.connect()));
    assert.equal(read(await scrape(), 'carillon_connections') - live, 3);
    for (const client of clients) await client.close();
    await until(async () => read(await scrape(), 'carillon_connections') === live, 'the gauge to come down');
  });

  it('counts what is said over sockets', async () => {
    const client = await server.connect();
    await risen('carillon_websocket_messages_received_total', {}, async () => {
      for (let i = 0; i < 5; ++i) await client.ask({ action: 'ping' });
    }, 5);
    const families = await scrape();
    assert.ok(value(families, 'carillon_websocket_bytes_received_total') > 5 * 30);
    assert.ok(value(families, 'carillon_websocket_bytes_sent_total') > 5 * 30);
  });

  it('counts every decision of the authorizers once', async () => {
    const decisions = (via, result) => ['carillon_authorizations_total', { via, result }];
    await risen(...decisions('http', 'refused'), () => server.get('/queues', { token: 'forged' }), 1);
    await risen(...decisions('websocket', 'allowed'), () => server.connect(), 1);
    await risen(...decisions('websocket', 'refused'), () => server.refused({ token: 'forged' }), 1);
    await risen('carillon_upgrades_refused_total', { status: '401' }, () => server.refused({ token: null }), 1);
    const { json } = await server.post('/tickets', {}, { user: 'alice' });
    const byTicket = { token: null, query: { ticket: server.secret(json.ticket) } };
    await risen(...decisions('ticket', 'allowed'), () => server.connect(byTicket), 1);
    await risen(...decisions('ticket', 'refused'), () => server.refused(byTicket), 1);
    const client = await server.connect({ as: 'alice' });
    await risen(...decisions('refresh', 'allowed'), () => client.ask({ action: 'refreshToken', token: server.token('alice') }), 1);
    await risen(...decisions('refresh', 'refused'), () => client.ask({ action: 'refreshToken', token: 'forged' }), 1);
    // Each look is a request with a token, too.
    const start = read(await scrape(), ...decisions('http', 'allowed'));
    for (let i = 0; i < 4; ++i) await server.get('/connections?userId=alice', { user: 'alice' });
    assert.equal(read(await scrape(), ...decisions('http', 'allowed')) - start, 5);
  });

  it('knows how late its loops come by', async () => {
    await until(async () => read(await scrape(), 'carillon_loop_lag_seconds', { loop: 'gateway-0' }, '_count') > 5, 'ticks of the loop');
    const families = await scrape();
    assert.equal(value(families, 'carillon_unsent_bytes') + value(families, 'carillon_unfinished_bytes'), 0);
  });
});
