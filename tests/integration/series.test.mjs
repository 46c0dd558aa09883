// CONTRACT §13: series of metrics, their percentiles, and what of them outlives a restart and a crash.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fifo, unique, until, useServer } from './harness.mjs';

const FIELDS = ['timestamp', 'count', 'sum', 'min', 'max', 'avg', 'p50', 'p90', 'p95', 'p99'];
const TEN_SECONDS = 10_000;
const LONGEST = '30d';

const metricsToken = (server) => server.token({ user: 'watcher', scopes: ['carillon/metrics'] });

/** The points of a metric; the last hour in minutes unless `query` says otherwise. */
async function points(server, metric, query = {}) {
  const { status, json, text } = await server.get(`/dashboard/series?${new URLSearchParams({ metric, ...query })}`, { token: metricsToken(server) });
  assert.equal(status, 200, text);
  assert.equal(json.metric, metric);
  for (const point of json.points) {
    assert.deepEqual(Object.keys(point), FIELDS);
    assert.match(point.timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    for (const name of FIELDS.slice(1)) assert.ok(Number.isFinite(point[name]), `${name} in ${JSON.stringify(point)}`);
  }
  return json.points;
}

/** Everything there is, as one point. */
async function whole(server, metric) {
  const found = await points(server, metric, { period: LONGEST, from: Date.now() - 30 * 86_400_000, to: Date.now() + 1000 });
  assert.ok(found.length <= 1, JSON.stringify(found));
  return found[0] ?? { count: 0, sum: 0 };
}

const counted = (server, metric, count) => until(async () => (await whole(server, metric)).count === count, `${count} of ${metric}`);

async function publishMany(server, count) {
  const chat = unique('chat');
  await Promise.all(Array.from({ length: count }, (_, index) => server.published(fifo({ chat, content: index, messageDeduplicationId: unique('d') }))));
}

/** The smallest value that so many percent of all do not exceed. */
const nearestRank = (sorted, percent) => sorted[Math.max(Math.ceil((percent * sorted.length) / 100), 1) - 1];

describe('series', () => {
  const server = useServer();

  it('count what is published and measure it on its way', async () => {
    await publishMany(server, 200);
    await counted(server, 'MessagesPublished', 200);
    await counted(server, 'PublisherToProcessorLatency', 200);
    const latency = await whole(server, 'PublisherToProcessorLatency');
    assert.ok(latency.min > 0 && latency.max < 10_000, JSON.stringify(latency));
    assert.ok(latency.min <= latency.p50 && latency.p50 <= latency.p90 && latency.p90 <= latency.p95 && latency.p95 <= latency.p99 && latency.p99 <= latency.max, JSON.stringify(latency));
    assert.ok(Math.abs(latency.avg - latency.sum / latency.count) < 0.001, JSON.stringify(latency));
    for (const metric of ['MessagesPublished', 'PublisherToProcessorLatency']) {
      for (const period of ['10', '1m', '300']) {
        const all = await points(server, metric, { period });
        assert.equal(all.reduce((sum, point) => sum + point.count, 0), 200, `${metric} in periods of ${period}`);
      }
    }
  });

  it('have percentiles within 2 % of what clients measured', async () => {
    const values = Array.from({ length: 1000 }, (_, index) => Math.round(1000 * 1.012 ** index) / 1000);
    const { status, text } = await server.post('/metrics', { latencies: values.toReversed() }, { user: unique('user') });
    assert.equal(status, 200, text);
    await counted(server, 'ClientEndToEndLatency', values.length);
    const found = await whole(server, 'ClientEndToEndLatency');
    for (const percent of [50, 90, 95, 99]) {
      const exact = nearestRank(values, percent);
      assert.ok(Math.abs(found[`p${percent}`] - exact) <= 0.02 * exact, `p${percent}: ${found[`p${percent}`]} instead of ${exact}`);
    }
    const sum = values.reduce((total, value) => total + value, 0);
    assert.ok(Math.abs(found.sum - sum) < 1, `${found.sum} instead of ${sum}`);
  });

  it('have a point of 0 where nothing happened, and none where nothing was measured', async () => {
    await until(async () => (await points(server, 'DeadLettersAdded')).length > 0, 'a look');
    const [silent] = await points(server, 'DeadLettersAdded');
    for (const name of FIELDS.slice(1)) assert.equal(silent[name], 0, name);
    assert.deepEqual(await points(server, 'ClientNetworkLatency'), []);
    assert.deepEqual(await points(server, 'DeadLettersAdded', { from: Date.now() - 7_200_000, to: Date.now() - 3_600_000 }), []);
  });

  it('are listed with their units', async () => {
    const { json } = await server.get('/dashboard/metrics', { token: metricsToken(server) });
    for (const metric of json.metrics) {
      assert.deepEqual(Object.keys(metric), ['name', 'unit', 'kind', 'description']);
      await points(server, metric.name);
    }
    const units = Object.fromEntries(json.metrics.map(({ name, unit }) => [name, unit]));
    assert.equal(units.PublisherToProcessorLatency, 'ms');
    assert.equal(units.Memory, 'bytes');
    assert.equal(units.QueueAge, 's');
    assert.equal(units.HighLatencyMessageCount, 'count');
  });

  it('are refused by the name of what is wrong', async () => {
    const bad = {
      metric: ['', 'metric=Nothing', 'metric=messagespublished'],
      from: ['metric=Memory&from=yesterday', 'metric=Memory&from=2&to=1'],
      to: ['metric=Memory&to=never'],
      period: ['metric=Memory&period=0', 'metric=Memory&period=7', 'metric=Memory&period=1y', 'metric=Memory&period=10&from=0'],
    };
    for (const [name, queries] of Object.entries(bad)) {
      for (const query of queries) {
        const { status, json } = await server.get(`/dashboard/series?${query}`, { token: server.admin });
        assert.equal(status, 400, query);
        assert.ok(json.details.startsWith(name), `${query}: ${json.details}`);
      }
    }
  });

  it('are for carillon/metrics and carillon/admin', async () => {
    for (const path of ['/dashboard/series?metric=Memory', '/dashboard/metrics']) {
      assert.equal((await server.get(path)).status, 401, path);
      assert.equal((await server.get(path, { user: 'alice' })).status, 403, path);
      assert.equal((await server.get(path, { token: server.backend })).status, 403, path);
      assert.equal((await server.get(path, { token: server.admin })).status, 200, path);
    }
  });
});

describe('series of a server that ends', () => {
  const server = useServer();

  it('go on after a restart', async () => {
    await publishMany(server, 30);
    await server.restart();
    assert.equal((await whole(server, 'MessagesPublished')).count, 30, 'at once, with what came last');
    await publishMany(server, 12);
    await counted(server, 'MessagesPublished', 42);
    await server.restart();
    assert.equal((await whole(server, 'MessagesPublished')).count, 42);
    assert.equal((await whole(server, 'PublisherToProcessorLatency')).count, 42);
  });

  it('survive kill -9 less at most the last ten seconds', async () => {
    const before = (await whole(server, 'MessagesPublished')).count;
    await publishMany(server, 25);
    const until10 = Date.now() + TEN_SECONDS;
    await until(() => Date.now() >= until10, 'ten seconds', 30_000);
    await publishMany(server, 5);
    await server.kill9();
    await server.start();
    const { count } = await whole(server, 'MessagesPublished');
    assert.ok(count >= before + 25 && count <= before + 30, `${count} of ${before} + 25 + 5`);
    await publishMany(server, 3);
    await counted(server, 'MessagesPublished', count + 3);
  });
});
