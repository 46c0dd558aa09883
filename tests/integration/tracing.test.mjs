// CONTRACT §13: W3C traceparent in and out, and spans over OTLP/HTTP to a real collector.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import net from 'node:net';
import { describe, it } from 'node:test';
import { fifo, message, unique, until, useServer, using } from './harness.mjs';
import { parseMetrics, value } from './promtool.mjs';
import { upgradeRequest } from './raw.mjs';
import { WebhookReceiver } from './webhooks.mjs';

const NAMES = ['authorize', 'commit', 'deliver', 'process', 'publish', 'queue', 'store'];
const KINDS = { publish: 2, process: 5 };

const traceparent = (sampled = true) => {
  const [trace, span] = [randomBytes(16).toString('hex'), randomBytes(8).toString('hex')];
  return { trace, span, header: `00-${trace}-${span}-${sampled ? '01' : '00'}` };
};
const parse = (header) => {
  const [, trace, span, flags] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-(0[01])$/.exec(header ?? '') ?? assert.fail(`no traceparent: ${header}`);
  return { trace, span, sampled: flags === '01' };
};

/** A server that exports to a collector; `collected` has every span that came, in the collector's words. */
function traced({ ratio, endpoint = (collector) => `http://127.0.0.1:${collector.port}` } = {}) {
  const collector = using(new WebhookReceiver());
  const server = useServer();
  const collected = [];
  server.prepare = async () => {
    server.config = { tracing: { endpoint: endpoint(collector), ...(ratio === undefined ? {} : { sample_ratio: ratio }) } };
  };
  const take = () => {
    for (const { data } of collector.deliveries.drain()) {
      for (const { scopeSpans } of data.resourceSpans) for (const { spans } of scopeSpans) collected.push(...spans);
    }
    return collected;
  };
  const ofTrace = (trace) => take().filter((span) => span.traceId === trace);
  const figures = async () => parseMetrics((await server.get('/metrics', { token: server.admin })).text);
  return { server, collector, take, ofTrace, figures };
}

const attributes = (span) => Object.fromEntries(span.attributes.map(({ key, value: { stringValue } }) => [key, stringValue]));

describe('one POST /publish', () => {
  const { server, collector, take, ofTrace } = traced();

  /** All seven spans of a trace, when they are well made and belong together. */
  async function allSpans(trace, own, { parent, messageId, from }) {
    await until(() => NAMES.every((name) => ofTrace(trace).some((span) => span.name === name)), 'all seven spans').catch((error) => {
      throw new Error(`${error.message}; there are ${ofTrace(trace).map((span) => span.name)}`);
    });
    const spans = ofTrace(trace);
    assert.deepEqual(spans.map((span) => span.name).sort(), NAMES);
    const publish = spans.find((span) => span.name === 'publish');
    assert.equal(publish.spanId, own);
    assert.equal(publish.parentSpanId, parent);
    for (const span of spans) {
      assert.match(span.spanId, /^[0-9a-f]{16}$/);
      assert.equal(span.kind, KINDS[span.name] ?? 1, span.name);
      if (span !== publish) assert.equal(span.parentSpanId, publish.spanId, `${span.name} is a child of publish`);
      const [start, end] = [BigInt(span.startTimeUnixNano), BigInt(span.endTimeUnixNano)];
      assert.ok(end >= start, `${span.name} ends after it starts`);
      assert.ok(start >= BigInt(from - 1000) * 1_000_000n && end <= BigInt(Date.now() + 1000) * 1_000_000n, `${span.name} is now`);
      assert.deepEqual(span.status, {});
      if (span.name !== 'authorize') assert.equal(attributes(span).messageId, messageId, span.name);
    }
    assert.equal(new Set(spans.map((span) => span.spanId)).size, 7);
    const start = (name) => BigInt(spans.find((span) => span.name === name).startTimeUnixNano);
    const authorize = spans.find((span) => span.name === 'authorize');
    assert.ok(start('publish') <= start('authorize'), 'authorize is within publish');
    assert.ok(BigInt(authorize.endTimeUnixNano) <= BigInt(publish.endTimeUnixNano), 'authorize is within publish');
    assert.ok(start('commit') <= start('queue') && start('queue') <= start('process') && start('process') <= start('deliver'));
    return spans;
  }

  it('with a traceparent is seven spans of that trace', async () => {
    const chat = unique('chat');
    const [client] = await server.chatWith(chat, ['alice']);
    const incoming = traceparent();
    const from = Date.now();
    const answer = await server.publish(fifo({ chat, content: 'traced' }), { token: server.backend, headers: { traceparent: incoming.header } });
    assert.equal(answer.status, 200, answer.text);
    const own = parse(answer.headers.traceparent);
    assert.deepEqual([own.trace, own.sampled], [incoming.trace, true]);
    assert.notEqual(own.span, incoming.span);
    const spans = await allSpans(incoming.trace, own.span, { parent: incoming.span, messageId: answer.json.messageId, from });
    assert.equal(attributes(spans.find((span) => span.name === 'queue')).queue, 'WebSocketFifoQueue');
    const frame = await client.nextMessage();
    assert.equal(parse(frame.data.traceparent).trace, incoming.trace);
    const line = await until(() => server.log.find(({ data }) => data.event_type === 'latency_measurement' && data.messageId === answer.json.messageId), 'the line of the message');
    assert.equal(line.data.trace_id, incoming.trace);
  });

  it('without one is seven spans of a new trace', async () => {
    const chat = unique('chat');
    await server.chatWith(chat, ['alice']);
    const from = Date.now();
    const answer = await server.publish(message({ chat, content: 'traced' }));
    const own = parse(answer.headers.traceparent);
    assert.ok(own.sampled);
    await allSpans(own.trace, own.span, { parent: undefined, messageId: answer.json.messageId, from });
  });

  it('takes a malformed traceparent for none', async () => {
    for (const header of ['nonsense', `00-${'0'.repeat(32)}-${'1'.repeat(16)}-01`, `00-${'G'.repeat(32)}-${'1'.repeat(16)}-01`]) {
      const answer = await server.publish(message({ to: 'user:nobody' }), { token: server.backend, headers: { traceparent: header } });
      assert.equal(answer.status, 200);
      assert.notEqual(parse(answer.headers.traceparent).trace, header.slice(3, 35));
    }
  });

  it('is not exported when the caller does not sample it', async () => {
    const incoming = traceparent(false);
    const answer = await server.publish(message({ to: 'user:nobody' }), { token: server.backend, headers: { traceparent: incoming.header } });
    assert.deepEqual([parse(answer.headers.traceparent).trace, parse(answer.headers.traceparent).sampled], [incoming.trace, false]);
    const later = parse((await server.publish(message({ to: 'user:nobody' }))).headers.traceparent);
    await until(() => ofTrace(later.trace).some((span) => span.name === 'store'), 'a later trace');
    assert.deepEqual(ofTrace(incoming.trace), []);
  });

  it('of a batch is a tree, too', async () => {
    const incoming = traceparent();
    const messages = [1, 2, 3].map((content) => message({ to: 'user:nobody', content }));
    const { status } = await server.post('/publish/batch', { messages }, { token: server.backend, headers: { traceparent: incoming.header } });
    assert.equal(status, 200);
    const spans = await until(() => {
      const now = ofTrace(incoming.trace);
      return now.filter(({ name }) => name === 'store').length === 3 && now.some(({ parentSpanId }) => parentSpanId === incoming.span) && now;
    }, 'the spans of the batch');
    const known = new Set([incoming.span, ...spans.map(({ spanId }) => spanId)]);
    assert.deepEqual(spans.filter(({ parentSpanId }) => !known.has(parentSpanId)).map(({ name }) => name), [], 'every parent is there');
    assert.equal(spans.filter(({ parentSpanId }) => parentSpanId === incoming.span).length, 1);
  });

  it('that is answered 401 leaves no span, nor does any other request without a good token', async () => {
    const refused = [];
    const ask = async (asking) => {
      const { trace, header } = traceparent();
      refused.push(trace);
      const { status, headers } = await asking({ traceparent: header });
      assert.equal(status, 401);
      assert.equal(parse(headers.traceparent).trace, trace);
    };
    for (const token of ['forged', null]) {
      await ask((headers) => server.post('/publish', message({ to: 'user:nobody' }), { token, headers }));
      await ask((headers) => server.get('/connections?userId=alice', { token, headers }));
    }
    await ask(async (headers) => {
      const socket = await server.raw();
      socket.write(upgradeRequest('/dvl?token=forged', headers));
      return socket.response();
    });
    const later = parse((await server.publish(message({ to: 'user:nobody' }))).headers.traceparent);
    await until(() => ofTrace(later.trace).some((span) => span.name === 'store'), 'a later trace');
    for (const trace of refused) assert.deepEqual(ofTrace(trace), []);
  });

  it('that is refused is a span that failed', async () => {
    const incoming = traceparent();
    const answer = await server.publish(fifo({ chat: unique('chat') }), { token: server.token('mallory'), headers: { traceparent: incoming.header } });
    assert.equal(answer.status, 403);
    const publish = await until(() => ofTrace(incoming.trace).find((span) => span.name === 'publish'), 'the span of the refusal');
    assert.deepEqual(publish.status, { code: 2 });
  });

  it('says where spans come from, and nothing secret', async () => {
    const token = server.token('alice');
    const content = unique('secret-content');
    const chat = unique('chat');
    await server.grant('alice', chat, 'member');
    const answer = await server.publish(fifo({ chat, content }), { token });
    const own = parse(answer.headers.traceparent);
    let text = '';
    await until(async () => {
      for (const delivery of collector.deliveries.drain()) {
        text += delivery.body;
        assert.equal(delivery.method, 'POST');
        assert.equal(delivery.url, '/v1/traces');
        assert.match(delivery.headers['content-type'], /^application\/json/);
        const { resource, scopeSpans } = delivery.data.resourceSpans[0];
        assert.equal(attributes(resource)['service.name'], 'carillon');
        assert.match(attributes(resource)['service.version'], /^\d+\.\d+\.\d+$/);
        assert.equal(scopeSpans[0].scope.name, 'carillon');
        assert.ok(scopeSpans[0].spans.length <= 512);
      }
      return text.includes(own.trace) && text.includes('"store"');
    }, 'the spans');
    for (const secret of [token, token.split('.')[2], content]) assert.ok(!text.includes(secret));
    take();
  });
});

describe('other requests', () => {
  const { server, take, ofTrace } = traced();

  it('are one span below what came in', async () => {
    const { trace, span, header } = traceparent();
    const { headers } = await server.get('/connections?userId=alice', { user: 'alice', headers: { traceparent: header } });
    await until(() => ofTrace(trace).length > 0, 'its span');
    assert.deepEqual(ofTrace(trace).map((each) => [each.name, each.spanId, each.parentSpanId]), [['authorize', parse(headers.traceparent).span, span]]);
  });

  it('to open a WebSocket, too', async () => {
    const { trace, span, header } = traceparent();
    const socket = await server.raw();
    socket.write(upgradeRequest(`/dvl?token=${server.token('alice')}`, { traceparent: header }));
    const { status, headers } = await socket.response();
    assert.equal(status, 101);
    await until(() => ofTrace(trace).length > 0, 'its span');
    assert.deepEqual(ofTrace(trace).map((each) => [each.name, each.spanId, each.parentSpanId]), [['authorize', parse(headers.traceparent).span, span]]);
    socket.destroy();
  });

  it('begin no traces of their own', async () => {
    const { headers } = await server.get('/connections?userId=alice', { user: 'alice' });
    assert.equal(headers.traceparent, undefined);
    assert.equal((await server.get('/health')).headers.traceparent, undefined);
    await server.connect({ as: 'alice' });
    const later = parse((await server.publish(message({ to: 'user:nobody' }))).headers.traceparent);
    await until(() => ofTrace(later.trace).some((each) => each.name === 'store'), 'a later trace');
    const begun = new Set(take().filter((each) => !each.parentSpanId).map((each) => each.traceId));
    assert.deepEqual([...begun], [later.trace]);
  });
});

describe('more sampled traces than are recorded', () => {
  const { server, figures, take } = traced();

  it('are passed on as they came, and counted', async () => {
    const over = async () => value(await figures(), 'carillon_trace_spans_dropped_total', { reason: 'forced_sampling' });
    const asked = new Set();
    const ask = async () => {
      const { trace, header } = traceparent();
      asked.add(trace);
      const { headers } = await server.get('/connections?userId=alice', { user: 'alice', headers: { traceparent: header } });
      const own = parse(headers.traceparent);
      assert.deepEqual([own.trace, own.sampled], [trace, true]);
    };
    assert.equal(await over(), 0);
    // As fast as they come: the bucket runs dry whatever the machine.
    await until(async () => {
      await Promise.all(Array.from({ length: 100 }, ask));
      return await over() > 0;
    }, 'there are too many', 30_000);
    const dropped = await over();
    await until(() => take().filter((span) => asked.has(span.traceId)).length === asked.size - dropped, 'the spans of all others');
  });
});

describe('what clients send over WebSockets', () => {
  const { server, ofTrace } = traced();

  it('is traced, too', async () => {
    const chat = unique('chat');
    const [client] = await server.chatWith(chat, ['alice']);
    client.send({ action: 'sendMessage', ...fifo({ chat, content: 'x' }) });
    const own = parse((await client.nextMessage()).data.traceparent);
    const names = ['commit', 'deliver', 'process', 'publish', 'queue', 'store'];
    await until(() => names.every((name) => ofTrace(own.trace).some((span) => span.name === name)), 'its spans');
  });
});

describe('with sample_ratio 0', () => {
  const { server, ofTrace, take } = traced({ ratio: 0 });

  it('only traces that come in are exported', async () => {
    const chat = unique('chat');
    const [client] = await server.chatWith(chat, ['alice']);
    const untraced = await server.publish(fifo({ chat }));
    assert.equal(untraced.headers.traceparent, undefined);
    assert.equal((await client.nextMessage()).data.traceparent, undefined);
    const incoming = traceparent();
    await server.publish(fifo({ chat, content: 'other' }), { token: server.backend, headers: { traceparent: incoming.header } });
    await until(() => ofTrace(incoming.trace).length === 7, 'its seven spans');
    assert.deepEqual(take().filter((span) => span.traceId !== incoming.trace), []);
  });
});

describe('a collector at a URL with a path', () => {
  const { server, collector } = traced({ endpoint: ({ url }) => url });

  it('gets spans there', async () => {
    await server.publish(message({ to: 'user:nobody' }));
    assert.equal((await collector.next()).url, '/hook');
  });
});

describe('a collector that is down', () => {
  /** A port on which nobody listens. */
  let port;
  const { server, figures } = traced({ endpoint: () => `http://127.0.0.1:${port}` });
  const { prepare } = server;
  server.prepare = async () => {
    const taken = net.createServer();
    await new Promise((resolve) => taken.listen(0, '127.0.0.1', resolve));
    ({ port } = taken.address());
    await new Promise((resolve) => taken.close(resolve));
    await prepare();
  };

  it('costs spans, which are counted, and nothing else', async () => {
    const chat = unique('chat');
    const [client] = await server.chatWith(chat, ['alice']);
    const count = 400;
    const sent = await Promise.all(Array.from({ length: count }, (_, i) => server.publish(fifo({ chat, content: i }))));
    assert.ok(sent.every(({ status }) => status === 200));
    for (let i = 0; i < count; ++i) await client.nextMessage();
    const dropped = await until(async () => {
      const now = await figures();
      return value(now, 'carillon_trace_spans_dropped_total', { reason: 'export_failed' }) > 0 && now;
    }, 'spans are given up', 30_000);
    assert.ok(value(dropped, 'carillon_trace_spans_dropped_total', { reason: 'queue_full' }) > 0, 'the queue is bounded');
    assert.equal(value(dropped, 'carillon_trace_spans_exported_total'), 0);
    const said = server.log.filter(({ data }) => data.event_type === 'trace_export_failed');
    assert.equal(said.length, 1);
    assert.equal(said[0].data.level, 'WARN');
  });
});

describe('a collector that is down for a while', () => {
  const { server, collector, ofTrace, figures } = traced();

  it('gets the spans when it is back', async () => {
    collector.statuses = [503, 503, 200];
    const own = parse((await server.publish(message({ to: 'user:nobody' }))).headers.traceparent);
    await collector.next();
    await collector.next();
    await until(() => ofTrace(own.trace).some((span) => span.name === 'publish'), 'its spans');
    await until(async () => value(await figures(), 'carillon_trace_spans_exported_total') > 0, 'they are counted');
    await until(() => server.log.some(({ data }) => data.event_type === 'trace_export_recovered'), 'the log says so');
    assert.equal(value(await figures(), 'carillon_trace_spans_dropped_total', { reason: 'export_failed' }), 0);
  });
});

describe('without [tracing]', () => {
  const server = useServer();

  it('a traceparent is passed on, and none is made', async () => {
    const chat = unique('chat');
    const [client] = await server.chatWith(chat, ['alice']);
    const incoming = traceparent();
    const answer = await server.publish(fifo({ chat }), { token: server.backend, headers: { traceparent: incoming.header } });
    assert.equal(parse(answer.headers.traceparent).trace, incoming.trace);
    assert.equal(parse((await client.nextMessage()).data.traceparent).trace, incoming.trace);
    const plain = await server.publish(fifo({ chat, content: 'plain' }));
    assert.equal(plain.headers.traceparent, undefined);
    assert.equal((await client.nextMessage()).data.traceparent, undefined);
  });
});

describe('stopping', () => {
  const { server, ofTrace } = traced();

  it('sends what waits', async () => {
    const own = parse((await server.publish(message({ to: 'user:nobody' }))).headers.traceparent);
    await server.terminate();
    await until(() => ofTrace(own.trace).some((span) => span.name === 'publish'), 'its span');
  });
});
