// CONTRACT §13: the page's widgets show the numbers of GET /metrics and of GET /dashboard/series.
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { useServer } from '../integration/harness.mjs';
import { lineOf, untilEqual, useBrowser } from './browser.mjs';
import { exported, makeLoad, seriesOf } from './figures.mjs';

const FOUR = ['p50', 'p90', 'p95', 'p99'];
const WIDGETS = {
  'end-to-end': FOUR.map((each) => `ClientEndToEndLatency.${each}`),
  breakdown: ['PublisherToProcessorLatency.avg', 'ClientNetworkLatency.avg'],
  extremes: ['avg', 'min', 'max'].map((each) => `ClientEndToEndLatency.${each}`),
  'publisher-to-processor': FOUR.map((each) => `PublisherToProcessorLatency.${each}`),
  network: FOUR.map((each) => `ClientNetworkLatency.${each}`),
  jitter: ['p50', 'p95', 'avg'].map((each) => `ClientJitter.${each}`),
};
const TITLES = [
  'End-to-End Latency Percentiles',
  'Latency Breakdown',
  'Average & Extremes',
  'Publisher→Processor Percentiles',
  'Network Latency Percentiles',
  'Jitter Analysis',
  'Message Throughput',
];

describe('the dashboard under load', () => {
  const server = useServer();
  const browser = useBrowser();
  let clients;
  before(async () => {
    ({ clients } = await makeLoad(server));
  });

  it('is the page NotificationService-Latency with the seven widgets in order', async (t) => {
    const page = await browser.signedIn(t, server);
    assert.equal(await page.title(), 'NotificationService-Latency');
    assert.equal(await page.locator('h1').innerText(), 'NotificationService-Latency');
    assert.deepEqual((await page.locator('[data-widget] h3').allInnerTexts()).slice(0, TITLES.length), TITLES);
    assert.deepEqual(await page.locator('h2').allInnerTexts(), ['Latency and throughput', 'Error rates', 'Queues and dead letters', 'Connections', 'Alarms']);
  });

  it('shows the latencies of the series', async (t) => {
    const page = await browser.signedIn(t, server);
    for (const [widget, lines] of Object.entries(WIDGETS)) {
      for (const line of lines) {
        const [metric, statistic] = line.split('.');
        await untilEqual(
          () => lineOf(page, widget, line),
          async () => {
            const values = (await seriesOf(server, metric)).map((point) => point[statistic]);
            assert.ok(values.length > 0, `${metric} has points`);
            return { value: values.at(-1), overall: Math.max(...values) };
          },
          `${widget} shows ${line}`,
        );
      }
      assert.ok((await page.locator(`[data-widget="${widget}"] canvas`).count()) === 1, `${widget} has a chart`);
    }
    // What went in came out: each batch had every whole millisecond up to 100 once.
    const { value: p50 } = await lineOf(page, 'end-to-end', 'ClientEndToEndLatency.p50');
    const { value: p95 } = await lineOf(page, 'end-to-end', 'ClientEndToEndLatency.p95');
    assert.ok(Math.abs(p50 - 50) <= 1.5 && Math.abs(p95 - 95) <= 2.5, `p50 ${p50}, p95 ${p95}`);
    assert.deepEqual([(await lineOf(page, 'extremes', 'ClientEndToEndLatency.min')).value, (await lineOf(page, 'extremes', 'ClientEndToEndLatency.max')).value], [1, 100]);
  });

  it('shows the counters of /metrics', async (t) => {
    const page = await browser.signedIn(t, server);
    const total = (widget, line, family, wants) =>
      untilEqual(async () => (await lineOf(page, widget, line)).overall, () => exported(server, family, wants), `${widget} shows ${family}`);
    await total('throughput', 'MessagesPublished.rate', 'carillon_messages_published_total');
    await total('throughput', 'HighLatencyMessageCount.sum', 'carillon_high_latency_messages_total');
    await total('delivery-errors', 'UndeliveredMessage.sum', 'carillon_deliveries_total', (labels) => labels.includes('"undelivered"'));
    await total('request-errors', 'HttpClientErrors.sum', 'carillon_http_requests_total', (labels) => /status="4/.test(labels));
    await total('request-errors', 'PublishRefused.sum', 'carillon_publish_refused_total');
    await total('connection-levels', 'ConnectionsOpened.sum', 'carillon_connections_opened_total');
    const of = async (widget, line) => (await lineOf(page, widget, line)).overall;
    assert.equal(await of('throughput', 'MessagesPublished.rate'), 65);
    assert.equal(await of('delivery-errors', 'UndeliveredMessage.sum'), 5);
    assert.equal(await of('connection-levels', 'ConnectionsOpened.sum'), 3);
    assert.ok((await of('request-errors', 'HttpClientErrors.sum')) >= 3);
  });

  it('shows what is now on top, and keeps it up to date', async (t) => {
    const page = await browser.signedIn(t, server);
    const tile = async (id) => Number(await page.locator(`[data-tile="${id}"] [data-value]`).getAttribute('data-value'));
    await untilEqual(() => tile('connections'), () => exported(server, 'carillon_connections'), 'the live connections');
    assert.equal(await tile('connections'), clients.length);
    const more = await server.connect({ as: 'dan' });
    await untilEqual(() => tile('connections'), () => clients.length + 1, 'one more connection, without a reload');
    more.terminate();
    await untilEqual(() => tile('connections'), () => clients.length, 'one less');
    const before = (await lineOf(page, 'throughput', 'MessagesPublished.rate')).overall;
    await server.published({ to: 'user:nobody', content: 'one more' });
    await untilEqual(async () => (await lineOf(page, 'throughput', 'MessagesPublished.rate')).overall, () => before + 1, 'one more message, without a reload');
  });

  it('asks for the newest points only, once it has the rest', async (t) => {
    const page = await browser.signedIn(t, server);
    const again = await page.waitForRequest((request) => request.url().includes('metric=ClientEndToEndLatency') && request.url().includes('period=10'));
    const query = new URL(again.url()).searchParams;
    assert.ok(query.get('to') - query.get('from') < 60_000, again.url());
  });

  it('looks a user’s connections up', async (t) => {
    const page = await browser.signedIn(t, server);
    await page.getByLabel('Connections of user').fill('ann');
    await page.getByRole('button', { name: 'Look up' }).click();
    await page.waitForSelector('[data-table=connections]');
    const shown = await page.locator('[data-table=connections] tbody th').allInnerTexts();
    const { json } = await server.get('/connections?userId=ann', { token: server.admin });
    assert.deepEqual(shown, json.connections.map((each) => each.connectionId));
    await page.getByLabel('Connections of user').fill('nobody');
    await page.getByRole('button', { name: 'Look up' }).click();
    await page.getByText('nobody is not connected.').waitFor();
  });
});
