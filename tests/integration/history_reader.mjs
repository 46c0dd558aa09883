// Reads histories the way a client does: page by page, or by number.
import assert from 'node:assert/strict';

/** `query` may hold `chat` or `to` (`class:id` or `all`) beside the parameters of GET /messages. */
export function historyPath({ chat, to, ...query }) {
  const parameters = new URLSearchParams();
  if (chat !== undefined) parameters.set('chatId', chat);
  if (to !== undefined) {
    const [name, ...id] = to.split(':');
    parameters.set('targetClass', name);
    if (id.length > 0) parameters.set('targetId', id.join(':'));
  }
  for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.set(name, value);
  return `/messages?${parameters}`;
}

/** As carillon/admin, unless `options` say who asks. */
export const read = (server, query, options = { token: server.admin }) => server.get(historyPath(query), options);

/** Asks again while storage is behind or too many reads wait, as 503 says (CONTRACT §10). */
export async function patiently(ask) {
  for (;;) {
    const answer = await ask();
    if (answer.status !== 503) return answer;
    assert.equal(answer.json.error, 'Service overloaded', answer.text);
  }
}

/** The answer of a read that must succeed, checked for what every answer holds (CONTRACT §10). */
export async function page(server, query, options) {
  const { status, json, text } = await read(server, query, options);
  assert.equal(status, 200, text.slice(0, 500));
  assert.equal(json.count, json.messages.length);
  assert.ok(json.nextToken === undefined || (typeof json.nextToken === 'string' && json.nextToken.length > 0));
  return json;
}

/** All messages of a history, in pages; `between` runs after each page but the last. */
export async function walk(server, query, { options, between } = {}) {
  const all = [];
  let startKey;
  for (let pages = 0; pages < 10_000; pages += 1) {
    const { messages, nextToken } = await page(server, { ...query, startKey }, options);
    all.push(...messages);
    if (nextToken === undefined) return all;
    assert.ok(messages.length > 0, 'an empty page that is not the last');
    startKey = nextToken;
    await between?.();
  }
  return assert.fail('the walk has no end');
}

export const ids = (messages) => messages.map((each) => each.messageId);
export const contents = (messages) => messages.map((each) => each.payload.content);
