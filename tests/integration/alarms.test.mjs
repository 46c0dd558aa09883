// Alarms (CONTRACT §13): defaults, states that follow the figures, the log, the metric and the signed webhook.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { HS256_AUTH, Server, removeDirectory, run, temporaryDirectory, toml, useServer, using } from './harness.mjs';
import { WebhookReceiver } from './webhooks.mjs';

describe('alarms', () => {
  const receiver = using(new WebhookReceiver());

  // Ten seconds are the shortest period there is: short enough to see an alarm go off and back.
  const quick = { metric: 'ClientEndToEndLatency', statistic: 'max', threshold: 5000, period: '10s', evaluation_periods: 1 };
  const server = useServer();
  server.prepare = () => {
    server.config = {
      'alarms.quick': { ...quick, webhook_url: receiver.url, secret: receiver.secret },
      'alarms.p95-latency': { metric: 'ClientNetworkLatency', statistic: 'p95', threshold: 20 },
    };
  };

  const alarms = async (token = server.admin) => {
    const { status, json } = await server.get('/dashboard/alarms', { token });
    assert.equal(status, 200);
    return Object.fromEntries(json.alarms.map((each) => [each.name, each]));
  };

  it('the defaults are there from the first start, a section of the same name replaces one', async () => {
    const { alarms: list } = (await server.get('/dashboard/alarms', { token: server.admin })).json;
    const shown = list.map(({ name, metric, statistic, threshold, unit, period, evaluationPeriods }) =>
      [name, metric, statistic, threshold, unit, period, evaluationPeriods].join(' '));
    assert.deepEqual(shown, [
      'average-latency ClientEndToEndLatency avg 500 ms 60 3',
      'p95-latency ClientNetworkLatency p95 20 ms 60 3',
      'high-latency-messages HighLatencyMessageCount sum 10 count 60 3',
      'dead-letters DeadLetters max 0 count 60 3',
      'quick ClientEndToEndLatency max 5000 ms 10 1',
    ]);
    for (const each of list) {
      assert.match(each.runbook, /^\/dashboard\/runbook\.html#alarm-[a-z0-9-]+$/);
      assert.ok(!Number.isNaN(Date.parse(each.since)));
      assert.equal(typeof each.reason, 'string');
    }
  });

  it('they are for carillon/metrics and carillon/admin', async () => {
    await alarms(server.token({ user: 'watcher', scopes: ['carillon/metrics'] }));
    assert.equal((await server.get('/dashboard/alarms', { user: 'ann' })).status, 403);
    assert.equal((await server.get('/dashboard/alarms')).status, 401);
  });

  /** The webhook of the next change to `state`, and what else tells of it. */
  async function changeTo(state) {
    const wants = ({ data }) => data?.data?.name === 'quick' && data.data.state === state;
    const delivery = await receiver.next(wants, `the webhook of ${state}`, 40_000);
    assert.ok(delivery.signed, 'the webhook is signed');
    assert.equal(delivery.data.type, 'alarm.state_changed');
    const told = ({ data }) => data?.event_type === 'alarm_state_changed' && data.alarm === 'quick' && data.to === state;
    const line = await server.lines.next(told, `the log line of ${state}`);
    assert.match(line.data.level, state === 'ALARM' ? /^warn$/i : /^info$/i);
    const { text } = await server.get('/metrics', { token: server.admin });
    assert.match(text, new RegExp(`^carillon_alarm_state\\{alarm="quick",state="${state}"\\} 1$`, 'm'));
    assert.equal((await alarms()).quick.state, state);
    return delivery.data.data;
  }

  /** Runs `task` while a client measures `value` all the time. */
  async function measuring(value, task) {
    let running = true;
    const sender = (async () => {
      while (running) {
        const answer = await server.post('/metrics', { latencies: [value] }, { user: 'ann' });
        assert.equal(answer.status, 200, answer.text);
        await pause(200);
      }
    })();
    try {
      return await task();
    } finally {
      running = false;
      await sender;
    }
  }

  it('an alarm goes off and back, and says so everywhere', { timeout: 120_000 }, async () => {
    const on = await measuring(6000, () => changeTo('ALARM'));
    assert.deepEqual(
      [on.metric, on.statistic, on.threshold, on.period, on.evaluationPeriods, on.previousState, on.runbook],
      ['ClientEndToEndLatency', 'max', 5000, 10, 1, 'INSUFFICIENT_DATA', '/dashboard/runbook.html#alarm-latency'],
    );
    assert.ok(Math.abs(on.value - 6000) < 120, `${on.value}`);
    assert.match(on.reason, /^max [\d.]+ ms > 5000 ms in 1 of 1 periods of 10 s$/);
    const off = await measuring(100, () => changeTo('OK'));
    assert.equal(off.previousState, 'ALARM');
    const none = await changeTo('INSUFFICIENT_DATA');
    assert.equal(none.value, null);
  });

  it('what nobody took when the service stops is given up, counted and logged', { timeout: 60_000 }, async () => {
    const silent = await new WebhookReceiver().start();
    silent.statuses = [new Promise(() => {})]; // never answers
    const rule = { metric: 'MessagesPublished', statistic: 'sum', threshold: 0, period: '10s', evaluation_periods: 1 };
    const other = new Server({ config: { 'alarms.told': { ...rule, webhook_url: silent.url, secret: silent.secret } } });
    try {
      await other.start();
      await silent.next(({ data }) => data.data.name === 'told', 'the webhook', 30_000);
      assert.equal((await other.terminate()).code, 0);
      const given = other.log.filter(({ data }) => data.event_type === 'alarm_webhook_given_up');
      assert.deepEqual(given.map(({ data }) => [data.alarm, data.reason]), [['told', 'the service stops']]);
      assert.equal(other.log.some(({ data }) => data.event_type === 'alarm_webhook_failed'), false, 'it is not the receiver who failed');
    } finally {
      await other.stop();
      await silent.stop();
    }
  });

  it('a webhook without a secret stops the start with one line', async () => {
    const directory = temporaryDirectory();
    try {
      const file = path.join(directory, 'carillon.toml');
      writeFileSync(file, toml({ auth: HS256_AUTH, 'alarms.quick': { ...quick, webhook_url: receiver.url } }));
      const { code, stderr } = await run(['config', 'check', '--config', file]);
      assert.equal(code, 1);
      assert.match(stderr, /alarms\.quick\.secret = .*: must be set, or events\.secret/);
      assert.equal(stderr.trim().split('\n').length, 1);
    } finally {
      removeDirectory(directory);
    }
  });
});
