// Ten SDK clients behind a network that drops, delays, cuts and half-opens, and a server that is killed again and again:
// every client must show every message once, in order, without a gap. Also a program:
//   node sdk_chaos.mjs [--seed S] [--clients N] [--messages N] [--kills N]
import assert from 'node:assert/strict';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { random } from './crash.mjs';
import { Server, until } from './harness.mjs';
import { SdkClients } from './sdk.mjs';
import { ChaosProxy } from './sdk_proxy.mjs';

const CHAT = 'chaos';
const OUTSTANDING = 40;
const HOUR_MS = 3_600_000;
/** All clients and the proxy share one event loop: on a busy machine a pong takes its time. */
const PING_MS = 2000;
/** As long as the server remembers ids, and the SDK tries. */
const PUBLISH_MS = 240_000;
const SHOW_MS = 90_000;

/** Publishes `count` messages, some by HTTP, as many at once as allowed; gives the receipts. */
async function publishAll(name, chat, count, next) {
  const receipts = new Array(count);
  let index = 0;
  const one = async () => {
    while (index < count) {
      const mine = index;
      index += 1;
      receipts[mine] = await chat.publish([name, mine], {}, { via: next() < 0.1 ? 'http' : 'socket', timeoutMs: PUBLISH_MS });
    }
  };
  await Promise.all(Array.from({ length: OUTSTANDING }, one));
  return receipts;
}

/** Kills the server at seeded moments while messages are under way, and starts it again on its port and data. */
async function killAgainAndAgain({ server, kills, screens, messages, next, report }) {
  for (let kill = 1; kill <= kills; kill += 1) {
    const share = (kill - 0.8 + 0.6 * next()) / (kills + 0.5);
    await until(() => screens[0].shown.length >= messages * share, `${Math.round(messages * share)} messages before kill ${kill}`, HOUR_MS);
    await server.kill9();
    await new Promise((resolve) => setTimeout(resolve, Math.floor(next() * 700)));
    await server.start();
    report(`killed at ${screens[0].shown.length} messages and started again`);
  }
}

/** The whole chat as the history has it. */
async function stored(server) {
  const all = [];
  for (let token; ; ) {
    const query = new URLSearchParams({ chatId: CHAT, limit: '1000', order: 'asc', ...(token && { startKey: token }) });
    const { status, json, text } = await server.get(`/messages?${query}`, { token: server.admin });
    assert.equal(status, 200, text);
    all.push(...json.messages);
    token = json.nextToken;
    if (!token) return all;
  }
}

function checkStored(kept, receipts, messages) {
  assert.deepEqual(kept.map(({ sequenceNumber }) => sequenceNumber), Array.from({ length: messages }, (_, index) => index + 1), 'the history: 1 to n, each once');
  const byContent = new Map(kept.map((message) => [JSON.stringify(message.payload.content), message]));
  assert.equal(byContent.size, messages, 'every logical publish is stored once');
  for (const [name, all] of receipts) {
    for (const [index, { messageId, sequenceNumber }] of all.entries()) {
      const message = byContent.get(JSON.stringify([name, index]));
      assert.deepEqual([messageId, sequenceNumber], [message?.messageId, message?.sequenceNumber], `the receipt of ${name} ${index}`);
    }
  }
}

function checkScreen(name, screen, kept) {
  const { numbers } = screen;
  const wrong = numbers.findIndex((number, index) => number !== index + 1);
  assert.equal(wrong, -1, `${name}: at ${wrong} stands ${numbers.slice(Math.max(0, wrong - 3), wrong + 4)} (of ${numbers.length})`);
  assert.equal(numbers.length, kept.length, `${name}: messages on the screen`);
  assert.deepEqual(screen.shown.map(({ message }) => message.messageId), kept.map(({ messageId }) => messageId), `${name}: the same messages`);
  assert.deepEqual(screen.missing, [], `${name}: nothing is missing`);
  assert.deepEqual(screen.shown.filter(({ delivery }) => delivery.late), [], `${name}: nothing is late`);
}

/** One whole run; throws with its seed at the first broken promise. */
export async function chaosRun({ seed, clients: count = 10, messages = 10_000, kills = 3, report = () => {} }) {
  const next = random(seed);
  const server = new Server({ config: { log: { level: 'error' }, limits: { publish_per_second: 0 } } });
  const proxy = new ChaosProxy({ seed: seed + 1, port: () => server.port });
  const clients = new SdkClients(server);
  const began = performance.now();
  try {
    await server.start();
    await proxy.start();
    const names = Array.from({ length: count }, (_, index) => `client-${index}`);
    const members = await Promise.all(names.map((name) => clients.member(name, CHAT, { url: proxy.url, pingIntervalMs: PING_MS, publishTimeoutMs: PUBLISH_MS, metrics: false })));
    const screens = members.map(({ screen }) => screen);
    const share = (index) => Math.floor(messages / count) + (index < messages % count ? 1 : 0);
    const publishing = Promise.all(members.map(async ({ chat }, index) => [names[index], await publishAll(names[index], chat, share(index), next)]));
    const killing = killAgainAndAgain({ server, kills, screens, messages, next, report });
    const [receipts] = await Promise.all([publishing, killing]);
    report(`published after ${Math.round(performance.now() - began)} ms`);
    proxy.rest();
    for (const [index, screen] of screens.entries()) {
      await until(() => screen.shown.length >= messages, `${names[index]} to show ${messages} messages (it shows ${screen.shown.length}, last ${screen.numbers.at(-1)}, ${members[index].client.state.status}, ${members[index].chat.status})`, SHOW_MS);
    }
    const kept = await stored(server);
    checkStored(kept, receipts, messages);
    for (const [index, screen] of screens.entries()) checkScreen(names[index], screen, kept);
    const ways = screens.flatMap(({ ways: all }) => all).reduce((sum, way) => ({ ...sum, [way]: (sum[way] ?? 0) + 1 }), {});
    return { ms: Math.round(performance.now() - began), ...proxy.counts, ...ways, deduplicated: receipts.flatMap(([, all]) => all).filter(({ deduplicated }) => deduplicated).length };
  } catch (error) {
    error.message = `seed ${seed}: ${error.message}`;
    throw error;
  } finally {
    proxy.calm = true;
    await clients.closeAll().catch(() => {});
    await proxy.stop();
    await server.stop().catch(report);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const number = (value) => ({ type: 'string', default: value });
  const { values } = parseArgs({ options: { seed: { type: 'string' }, clients: number('10'), messages: number('10000'), kills: number('3') } });
  const seed = Number(values.seed ?? Date.now() % 2 ** 32);
  console.log(`seed ${seed}`);
  console.log(await chaosRun({ seed, clients: Number(values.clients), messages: Number(values.messages), kills: Number(values.kills), report: console.log }));
}
