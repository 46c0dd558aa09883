// CONTRACT §13: the page's widgets show the numbers of GET /metrics and of GET /dashboard/series.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { buryFor } from '../integration/dead_letters.mjs';
import { PATIENCE_MS, unique, until, useServer, using } from '../integration/harness.mjs';
import { WebhookReceiver } from '../integration/webhooks.mjs';
import { lineOf, untilEqual, useBrowser } from './browser.mjs';
import { SteadyLoad, exported, makeLoad, seriesOf } from './figures.mjs';

const FOUR = ['p50', 'p90', 'p95', 'p99'];
const WIDGETS = {
  'end-to-end': FOUR.map((each) => `ClientEndToEndLatency.${each}`),
  breakdown: ['PublisherToProcessorLatency.avg', 'ClientNetworkLatency.avg'],
  extremes: ['avg', 'min', 'max'].map((each) => `ClientEndToEndLatency.${each}`),
  'publisher-to-processor': FOUR.map((each) => `PublisherToProcessorLatency.${each}`),
  network: FOUR.map((each) => `ClientNetworkLatency.${each}`),
  jitter: ['p50', 'p95', 'avg'].map((each) => `ClientJitter.${each}`),
};
const FAMILIES = {
  ClientEndToEndLatency: 'carillon_client_end_to_end_latency_seconds',
  ClientNetworkLatency: 'carillon_client_network_latency_seconds',
  ClientJitter: 'carillon_client_jitter_seconds',
  PublisherToProcessorLatency: 'carillon_publisher_to_processor_latency_seconds',
};
const PERIOD_S = 10;
const MOST_WAITING = 40;
const TITLES = [
  'End-to-End Latency Percentiles',
  'Latency Breakdown',
  'Average & Extremes',
  'Publisher→Processor Percentiles',
  'Network Latency Percentiles',
  'Jitter Analysis',
  'Message Throughput',
];

describe('the dashboard after some load', () => {
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

  it('tells durations alike, and lines charts and read-outs up', async (t) => {
    const page = await browser.signedIn(t, server);
    const durations = (await page.locator('[data-line*="Latency."] td, [data-line*="Jitter."] td').allInnerTexts()).filter((text) => text !== '–');
    assert.ok(durations.length > 20, `${durations.length} durations`);
    for (const text of durations) assert.match(text, /^(0\.\d{3}|[1-9]\.\d\d|[1-9]\d\.\d|[1-9]\d\d|[1-9],\d{3}) ms$|^0\.00 ms$/);
    const boxOf = (widget, part) => page.locator(`[data-widget="${widget}"] ${part}`).boundingBox();
    const [chart, beside] = [await boxOf('end-to-end', '.chart'), await boxOf('end-to-end', '.legend')];
    assert.ok(beside.x >= chart.x + chart.width && beside.y < chart.y + chart.height, 'the read-out of the wide chart is beside it');
    const [breakdown, extremes, processor] = await Promise.all(['breakdown', 'extremes', 'publisher-to-processor'].map(async (each) => [await boxOf(each, '.chart'), await boxOf(each, '.legend')]));
    for (const [drawn, told] of [extremes, processor]) {
      assert.equal(drawn.y, breakdown[0].y, 'charts of a row begin at one height');
      assert.equal(told.y, breakdown[1].y, 'and so do their read-outs');
    }
    assert.ok(breakdown[1].y - breakdown[0].y - breakdown[0].height < 16, 'right below the chart');
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

/** What the table of a widget shows: the values of its lines by the start of the period. */
const tableOf = (page, widget) =>
  page.locator(`[data-widget="${widget}"] tr[data-start]`).evaluateAll((rows) =>
    Object.fromEntries(rows.map((row) => [row.dataset.start, [...row.querySelectorAll('td')].map((cell) => (cell.dataset.value === '' ? null : Number(cell.dataset.value)))])));

/** What the widget should show of periods that are over, from the series. */
async function finished(server, lines) {
  const table = {};
  const end = Math.floor(Date.now() / (PERIOD_S * 1000)) * PERIOD_S * 1000;
  for (const [index, line] of lines.entries()) {
    const [metric, statistic] = line.split('.');
    for (const point of await seriesOf(server, metric)) {
      const start = Date.parse(point.timestamp);
      if (start >= end) continue;
      table[start] ??= lines.map(() => null);
      table[start][index] = statistic === 'rate' ? point.sum / PERIOD_S : point[statistic];
    }
  }
  return table;
}

const only = (table, starts) => Object.fromEntries(Object.entries(table).filter(([start]) => starts.includes(start)));

describe('the dashboard while load goes on', () => {
  const load = new SteadyLoad();
  after(() => load.stop()); // before the server
  const server = useServer({ config: { metrics: { high_latency_ms: 2 } } });
  const browser = useBrowser();
  const EVENTS = { throughput: ['MessagesPublished.rate', 'HighLatencyMessageCount.sum'] };
  before(() => load.start(server));

  it('shows of every period that is over what the series say', async (t) => {
    const page = await browser.signedIn(t, server);
    for (const [widget, lines] of Object.entries({ ...WIDGETS, ...EVENTS })) {
      await page.locator(`[data-widget="${widget}"] header button`).click();
      // What clients measure begins when the first of them has reported: a period later, it may be.
      const wanted = await until(async () => {
        const table = await finished(server, lines);
        const hasValues = lines.every((_, index) => Object.values(table).some((values) => values[index] !== null));
        return Object.keys(table).length >= 3 && hasValues ? table : null;
      }, `${widget} has three periods that are over, and values of every line`, 3 * PERIOD_S * 1000 + PATIENCE_MS);
      // The newest of them may have got its last second since: so both sides are asked again until they agree.
      const starts = Object.keys(wanted);
      await untilEqual(async () => only(await tableOf(page, widget), starts), async () => only(await finished(server, lines), starts), `the table of ${widget}`);
    }
    assert.ok(await exported(server, 'carillon_client_samples_total') > 0, 'clients report meanwhile');
  });

  it('reads out, in every chart at once, the period that the pointer is over', async (t) => {
    const page = await browser.signedIn(t, server);
    await page.getByRole('button', { name: '15 min' }).click();
    await page.waitForSelector('[data-widget="end-to-end"] canvas');
    const widgets = Object.entries(WIDGETS);
    const readOut = () => page.evaluate((names) => names.map((name) => {
      const legend = document.querySelector(`[data-widget="${name}"] .legend`);
      return [legend.dataset.start, [...legend.querySelectorAll('td[data-value]')].map((cell) => (cell.dataset.value === '' ? null : Number(cell.dataset.value)))];
    }), widgets.map(([name]) => name));
    let shown;
    await untilEqual(
      async () => {
        const area = await page.locator('[data-widget="end-to-end"] .u-over').boundingBox();
        // Of ninety periods the last but one.
        await page.mouse.move(area.x + area.width * (1 - 1.5 / 90), area.y + area.height / 2);
        shown = await readOut();
        return shown;
      },
      async () => {
        const [start] = shown[0];
        const wanted = [];
        for (const [, lines] of widgets) wanted.push([start, (await finished(server, lines))[start]]);
        return wanted;
      },
      'the read-out',
    );
  });

  it('has in all, once the load is over, what GET /metrics has', async (t) => {
    const page = await browser.signedIn(t, server);
    await load.stop();
    const shown = (widget, line) => async () => (await lineOf(page, widget, line)).overall;
    await untilEqual(shown('throughput', 'MessagesPublished.rate'), () => exported(server, 'carillon_messages_published_total'), 'messages');
    assert.equal(await shown('throughput', 'MessagesPublished.rate')(), load.published);
    await untilEqual(shown('throughput', 'HighLatencyMessageCount.sum'), () => exported(server, 'carillon_high_latency_messages_total'), 'messages over high_latency_ms');
    await untilEqual(shown('delivery-errors', 'UndeliveredMessage.sum'), () => exported(server, 'carillon_deliveries_total', (labels) => labels.includes('"undelivered"')), 'messages to nobody');
    await untilEqual(shown('request-errors', 'PublishRefused.sum'), () => exported(server, 'carillon_publish_refused_total'), 'refusals');
    for (const [metric, family] of Object.entries(FAMILIES)) {
      const sumOf = (points, member) => points.reduce((sum, point) => sum + point[member], 0);
      await untilEqual(async () => sumOf(await seriesOf(server, metric), 'count'), () => exported(server, `${family}_count`), `measurements of ${metric}`);
      const points = await seriesOf(server, metric);
      assert.ok(sumOf(points, 'count') > 0, `${metric} was measured`);
      const [series, metrics] = [sumOf(points, 'sum'), 1000 * await exported(server, `${family}_sum`)];
      assert.ok(Math.abs(series - metrics) <= 0.001 * (points.length + 1), `${metric}: ${series} ms in the series, ${metrics} ms in /metrics`);
    }
  });
});

describe('the dashboard of a service in trouble', () => {
  const receiver = using(new WebhookReceiver());
  const server = useServer();
  const browser = useBrowser();
  server.prepare = async () => {
    server.config = {
      gateway: { max_outbound_bytes: 262_144 + 65_536, heartbeat_timeout_seconds: 120 },
      queues: { retry_base_ms: 50, max_depth: MOST_WAITING },
      'channels.Email': { type: 'webhook', url: receiver.url, secret: receiver.secret },
    };
  };

  it('shows the failures, retries and answers 5xx of /metrics', async (t) => {
    const chat = unique('chat');
    await server.chatWith(chat, ['good']);
    await buryFor(server, 'slow', chat);
    await server.request('DELETE', '/queues/WebSocketFifoDLQ/messages', { token: server.admin });
    await buryFor(server, 'slower', unique('chat'));
    // A webhook that does not answer yet, until its queue is full.
    let release;
    const held = new Promise((resolve) => (release = resolve));
    receiver.statuses = [() => held];
    let refused = 0;
    for (let index = 0; index <= MOST_WAITING; index += 1) refused += (await server.publish({ chat: 'c', targetChannel: 'Email', content: index })).status === 503 ? 1 : 0;
    assert.ok(refused > 0);

    const page = await browser.signedIn(t, server);
    const shows = async (widget, line, family, wants, least) => {
      await untilEqual(async () => (await lineOf(page, widget, line)).overall, () => exported(server, family, wants), `${widget} shows ${line}`);
      const { overall } = await lineOf(page, widget, line);
      assert.ok(overall >= least, `${line}: ${overall}`);
    };
    const result = (name) => (labels) => labels.includes(`result="${name}"`);
    await shows('delivery-errors', 'PartialFailure.sum', 'carillon_deliveries_total', result('partial_failure'), 1);
    await shows('delivery-errors', 'DeliveryFailure.sum', 'carillon_deliveries_total', result('failure'), 1);
    await shows('delivery-errors', 'DeliveryRetries.sum', 'carillon_delivery_retries_total', undefined, 2);
    await shows('request-errors', 'HttpServerErrors.sum', 'carillon_http_requests_total', (labels) => /status="5/.test(labels), refused);
    await shows('request-errors', 'PublishRefused.sum', 'carillon_publish_refused_total', undefined, refused);
    release(200);
  });
});
