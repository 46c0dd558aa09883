// CONTRACT §13: GET /metrics, what it is for, and what is deployed beside it.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fifo, message, removeDirectory, temporaryDirectory, unique, until, useServer, using, within } from './harness.mjs';
import { has, parseMetrics, promtool, value } from './promtool.mjs';
import { WebhookReceiver } from './webhooks.mjs';

const root = path.resolve(import.meta.dirname, '../..');
const read = (name) => readFileSync(path.join(root, name), 'utf8');
const lines = (text) => text.split('\n').filter((line) => line !== '');

/** `name type label,label` of every family, sorted. */
function listed(families) {
  return [...families].map(([name, { type, samples }]) => {
    const labels = new Set(samples.flatMap((sample) => Object.keys(sample.labels)));
    labels.delete('le');
    return [name, type, [...labels].sort().join(',')].join(' ').trim();
  }).sort();
}

/** The rows of the tables in docs/metrics.md that begin with a `name`: the cells of each. */
const documented = () => lines(read('docs/metrics.md'))
  .filter((line) => /^\| `/.test(line))
  .map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim()));

const golden = () => lines(read('tests/data/metric_names.txt'));

describe('GET /metrics', () => {
  const receiver = using(new WebhookReceiver());
  const collector = using(new WebhookReceiver());
  const events = using(new WebhookReceiver());
  const server = useServer();
  const { get } = http;
  let metricsToken;
  server.prepare = async () => {
    server.config = {
      internal: { listen: '127.0.0.1:0' },
      limits: { publish_per_second: 1, publish_burst: 20 },
      tracing: { endpoint: collector.url },
      events: { connect_url: events.url, secret: events.secret },
      'channels.Email': { type: 'webhook', url: receiver.url, secret: receiver.secret },
      'alarms.dead-letters': { metric: 'DeadLetters', statistic: 'max', threshold: 0, webhook_url: receiver.url, secret: receiver.secret },
    };
  };
  before(() => {
    metricsToken = server.token({ user: 'prometheus', scopes: ['carillon/metrics'] });
  });

  const scrape = async () => {
    const { status, text } = await server.get('/metrics', { token: metricsToken });
    assert.equal(status, 200, text);
    return text;
  };
  const figures = async () => parseMetrics(await scrape());

  it('is for carillon/metrics and carillon/admin', async () => {
    assert.equal((await server.get('/metrics')).status, 401);
    assert.equal((await server.get('/metrics', { user: 'alice' })).status, 403);
    assert.equal((await server.get('/metrics', { token: server.backend })).status, 403);
    for (const token of [metricsToken, server.admin]) {
      const { status, headers } = await server.get('/metrics', { token });
      assert.equal(status, 200);
      assert.equal(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
    }
  });

  it('is open on the internal port', async () => {
    const { data } = await until(() => server.log.find((entry) => entry.data.event_type === 'internal_listening'), 'the internal port is open');
    const answer = await within(new Promise((resolve, reject) => {
      get({ host: '127.0.0.1', port: data.port, path: '/metrics', agent: false }, (response) => {
        let text = '';
        response.on('data', (chunk) => (text += chunk)).on('end', () => resolve({ status: response.statusCode, text }));
      }).on('error', reject);
    }), 'the internal port');
    assert.equal(answer.status, 200);
    assert.deepEqual([...parseMetrics(answer.text).keys()], [...(await figures()).keys()]);
  });

  it('has the figures of traffic of every kind, and nobody in it', async () => {
    const at = await figures();
    const rise = (now, ...what) => value(now, ...what) - (has(at, ...what) ? value(at, ...what) : 0);
    const [chat, alice, bob] = [unique('marked-chat'), unique('marked-alice'), unique('marked-bob')];
    const [client] = await server.chatWith(chat, [alice]);
    const first = await server.published(fifo({ chat, content: 'one', correlationId: unique('marked') }));
    await server.published(fifo({ chat, content: 'one' }));
    await server.published(message({ chat, content: 'two' }));
    await server.published(message({ to: `user:${bob}`, content: 'nobody is there' }));
    await server.published(fifo({ chat, content: 'by mail', targetChannel: 'Email' }));
    client.send({ action: 'sendMessage', ...fifo({ chat, content: 'over the socket' }) });
    await client.nextMessage((data) => data.payload.content === 'over the socket');
    await receiver.next();
    assert.equal((await server.publish(fifo({ chat, content: 'no right' }), { user: bob })).status, 403);
    const sample = { messageId: first.messageId, sequenceNumber: 1, chatId: chat, clientReceivedAt: Date.now() };
    assert.equal((await server.post('/metrics', sample, { user: alice })).status, 200);
    assert.equal((await server.post('/metrics', { latencies: [1500, { endToEndMs: 20, networkMs: 10 }], jitter: 3 }, { user: alice })).status, 200);
    assert.equal((await server.post('/metrics', { latencies: [-100_000] }, { user: alice })).status, 400);
    assert.equal((await server.get('/nowhere', { user: alice })).status, 404);
    assert.equal((await server.get('/messages', { token: 'no.token.atall' })).status, 401);
    await server.refused({ token: 'no.token.atall' });
    await server.revoke(alice, chat);
    client.terminate();

    const now = await until(async () => {
      const text = await figures();
      return rise(text, 'carillon_messages_stored_total') === 5 && rise(text, 'carillon_connections') === 0
        && rise(text, 'carillon_deliveries_total') === 4 && rise(text, 'carillon_client_samples_total') === 3
        && rise(text, 'carillon_webhook_attempts_total') === 1 ? text : undefined;
    }, 'everything is settled');
    assert.deepEqual([
      rise(now, 'carillon_messages_published_total', { type: 'fifo', path: 'a2p' }),
      rise(now, 'carillon_messages_published_total', { type: 'fifo', path: 'p2p' }),
      rise(now, 'carillon_messages_published_total', { type: 'standard', path: 'a2p' }),
      rise(now, 'carillon_messages_deduplicated_total'),
      rise(now, 'carillon_publish_refused_total', { reason: 'no_chat_access' }),
      rise(now, 'carillon_deliveries_total', { result: 'successful' }),
      rise(now, 'carillon_deliveries_total', { result: 'undelivered' }),
      rise(now, 'carillon_recipients_total', { outcome: 'delivered' }),
      rise(now, 'carillon_webhook_attempts_total', { result: 'delivered' }),
      rise(now, 'carillon_permission_changes_total', { change: 'granted' }),
      rise(now, 'carillon_permission_changes_total', { change: 'revoked' }),
      rise(now, 'carillon_high_latency_messages_total', { measured: 'client' }),
      rise(now, 'carillon_client_samples_total', { shape: 'single' }),
      rise(now, 'carillon_connections_opened_total'),
      rise(now, 'carillon_connections_closed_total'),
      rise(now, 'carillon_upgrades_refused_total', { status: '401' }),
      rise(now, 'carillon_http_requests_total', { route: '/publish', method: 'POST', status: '200' }),
      rise(now, 'carillon_http_requests_total', { route: 'unrouted', method: 'GET', status: '404' }),
      rise(now, 'carillon_http_requests_total', { route: '/messages', method: 'GET', status: '401' }),
    ], [2, 1, 2, 1, 1, 3, 1, 3, 1, 1, 1, 1, 1, 1, 1, 1, 5, 1, 1]);
    assert.ok(rise(now, 'carillon_client_samples_refused_total', { reason: 'implausible' }) >= 1);
    assert.ok(rise(now, 'carillon_authorizations_total', { via: 'http', result: 'refused' }) >= 1);
    assert.ok(rise(now, 'carillon_authorizations_total', { via: 'websocket', result: 'allowed' }) >= 1);
    assert.equal(rise(now, 'carillon_publisher_to_processor_latency_seconds', {}, '_count'), 4);
    const text = await scrape();
    assert.ok(text.length < 200 * 1024, `${text.length} bytes`);
    for (const mark of [chat, alice, bob, 'marked', first.messageId, client.hello.connectionId]) {
      assert.ok(!text.includes(mark), `${mark} is in a label`);
    }
  });

  it('has consistent histograms', async () => {
    for (const [name, { type, samples }] of await figures()) {
      if (type !== 'histogram') continue;
      const labels = ({ labels: { le: _, ...rest } }) => JSON.stringify(rest);
      for (const each of new Set(samples.map(labels))) {
        const group = samples.filter((sample) => labels(sample) === each);
        const buckets = group.filter((sample) => sample.name.endsWith('_bucket'));
        const count = group.find((sample) => sample.name.endsWith('_count')).value;
        assert.ok(buckets.length >= 13, `${name} has ${buckets.length} buckets`);
        assert.equal(buckets.at(-1).labels.le, '+Inf');
        assert.equal(buckets.at(-1).value, count, name);
        for (let i = 1; i < buckets.length; ++i) {
          assert.ok(buckets[i].value >= buckets[i - 1].value, `${name} is cumulative`);
          assert.ok(Number(buckets[i].labels.le.replace('+Inf', 'Infinity')) > Number(buckets[i - 1].labels.le), `${name} is in order`);
        }
      }
    }
  });

  it('has exactly the families of the golden list', async () => {
    assert.deepEqual(listed(await figures()), golden());
  });

  it('pleases promtool', async () => {
    assert.deepEqual(await promtool(['check', 'metrics'], await scrape()), { code: 0, output: '' });
  });

  it('is described in docs/metrics.md, as are the series', async () => {
    const rows = documented();
    const families = rows.filter(([name]) => /^`(carillon|process)_/.test(name))
      .map(([name, type, labels]) => `${name.slice(1, -1)} ${type} ${labels.replaceAll('`', '').replaceAll(' ', '')}`.trim()).sort();
    assert.deepEqual(families, golden());
    const { json } = await server.get('/dashboard/metrics', { token: metricsToken });
    assert.deepEqual(
      rows.filter(([name]) => !name.includes('_')).map(([name, kind, unit]) => ({ name: name.slice(1, -1), kind, unit })),
      json.metrics.map(({ name, kind, unit }) => ({ name, kind, unit })),
    );
  });

  it('answers 16 at once; of more, some are told to come back', async () => {
    for (const text of await Promise.all(Array.from({ length: 16 }, scrape))) assert.ok(parseMetrics(text).size > 60);
    const answers = await Promise.all(Array.from({ length: 64 }, () => server.get('/metrics', { token: metricsToken })));
    for (const { status, text } of answers) assert.ok(status === 200 || (status === 503 && text.includes('Service overloaded')), `${status} ${text}`);
    assert.ok(answers.filter(({ status }) => status === 200).length >= 16);
    await scrape();
  });
});

describe('deploy/', () => {
  const directory = temporaryDirectory();
  after(() => removeDirectory(directory));

  /** Which of our families an expression names, suffixes of histograms taken off. */
  function familiesIn(expression) {
    const known = new Map(golden().map((line) => line.split(' ')).map(([name, type]) => [name, type]));
    const names = expression.replace(/"[^"]*"/g, '').match(/(?<![:\w])(?:carillon|process)_\w+/g) ?? [];
    return names.map((name) => {
      if (known.has(name)) return name;
      const base = name.replace(/_(bucket|sum|count)$/, '');
      return known.get(base) === 'histogram' ? base : `unknown: ${name}`;
    });
  }

  it('has a configuration and rules that promtool accepts', async () => {
    const token = path.join(directory, 'token');
    writeFileSync(token, 'x');
    const config = read('deploy/prometheus/prometheus.yml');
    assert.ok(config.includes('/etc/prometheus/carillon.token'));
    const file = path.join(directory, 'prometheus.yml');
    writeFileSync(file, config.replace('/etc/prometheus/carillon.token', token));
    writeFileSync(path.join(directory, 'rules.yml'), read('deploy/prometheus/rules.yml'));
    const checked = await promtool(['check', 'config', '--lint=all', '--lint-fatal', file]);
    assert.equal(checked.code, 0, checked.output);
    assert.match(checked.output, /SUCCESS: \d+ rules found/);
  });

  it('has rules that do what they say', async () => {
    const tested = await promtool(['test', 'rules', path.join(root, 'deploy/prometheus/rules_test.yml')]);
    assert.equal(tested.code, 0, tested.output);
    assert.match(tested.output, /SUCCESS/);
  });

  it('has every alert in its tests, and each leads to a paragraph of the runbook', () => {
    const rules = read('deploy/prometheus/rules.yml');
    const alerts = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name]) => name);
    const tests = read('deploy/prometheus/rules_test.yml');
    assert.ok(alerts.length > 10);
    for (const alert of alerts) assert.ok(new RegExp(`alertname: ${alert}\\n\\s+eval_time: .*\\n\\s+exp_alerts`).test(tests), `${alert} is tested to go off`);
    const anchors = lines(read('docs/runbook.md')).filter((line) => line.startsWith('## '))
      .map((line) => line.slice(3).toLowerCase().replace(/[^\w\s-]/g, '').replaceAll(' ', '-'));
    const links = [...rules.matchAll(/runbook_url: \/dashboard\/runbook\.html#(\S+)/g), ...read('docs/runbook.md').matchAll(/\]\(#([\w-]+)\)/g),
      ...read('docs/logging.md').matchAll(/runbook\.md#([\w-]+)/g)].map(([, anchor]) => anchor);
    assert.ok(links.length > alerts.length);
    for (const anchor of links) assert.ok(anchors.includes(anchor), `docs/runbook.md has no ${anchor}`);
    for (const name of ['average-latency', 'p95-latency', 'high-latency-messages', 'dead-letters', 'latency', 'events', 'level']) {
      assert.ok(anchors.includes(`alarm-${name}`), name);
    }
  });

  it('asks only for families that are exported', () => {
    const rules = lines(read('deploy/prometheus/rules.yml')).filter((line) => !line.includes('summary:') && !line.includes('#')).join('\n');
    const used = familiesIn(rules);
    assert.ok(used.length > 30);
    assert.deepEqual(used.filter((name) => name.startsWith('unknown')), []);
  });

  it('has a Grafana dashboard with the seven widgets, whose expressions are good', async () => {
    const dashboard = JSON.parse(read('deploy/grafana/notification-service-latency.json'));
    assert.equal(dashboard.title, 'NotificationService-Latency');
    const titles = dashboard.panels.map((panel) => panel.title);
    for (const widget of ['End-to-end latency percentiles', 'Latency breakdown', 'Average and extremes', 'Publisher to processor percentiles',
      'Network latency percentiles', 'Jitter', 'Throughput and high-latency messages', 'Error rates', 'Queue depth', 'Dead letters', 'Connections', 'Alarms']) {
      assert.ok(titles.some((title) => title.startsWith(widget)), widget);
    }
    const expressions = dashboard.panels.flatMap((panel) => panel.targets.map((target) => target.expr));
    for (const expression of expressions) {
      const names = familiesIn(expression);
      assert.ok(names.length > 0 && names.every((name) => !name.startsWith('unknown')), `${expression}: ${names}`);
    }
    const rules = expressions.map((expression, i) => `      - record: panel:${i}\n        expr: ${JSON.stringify(expression.replaceAll('$__rate_interval', '1m').replaceAll('$job', 'carillon'))}\n`);
    const file = path.join(directory, 'panels.yml');
    writeFileSync(file, `groups:\n  - name: panels\n    rules:\n${rules.join('')}`);
    const checked = await promtool(['check', 'rules', file]);
    assert.equal(checked.code, 0, checked.output);
    assert.match(checked.output, new RegExp(`SUCCESS: ${expressions.length} rules found`));
  });
});
