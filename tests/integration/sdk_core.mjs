// What two people do with the SDK, on any platform: imports nothing, so that a page can load it as it is.

const PATIENCE_MS = 15_000;

async function until(check, what) {
  const end = Date.now() + PATIENCE_MS;
  while (!check()) {
    if (Date.now() > end) throw new Error(`waited until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const outcome = (promise) => promise.then((value) => ({ value }), ({ name, code, status }) => ({ error: { name, code, status } }));

/** Two members of a chat with what they show. `people`: `[{userId, token}]`. */
export async function enter({ CarillonClient }, { url, people, chatId, options = {} }) {
  const all = [];
  for (const { userId, token } of people) {
    const client = new CarillonClient({ url, token, pingIntervalMs: 500, timeoutMs: 5000, reconnect: { baseMs: 50, maxMs: 500 }, ...options });
    const shown = [];
    const states = [];
    const errors = [];
    client.onState(({ status }) => states.push(status));
    client.onError(({ code, message }) => errors.push(`${code} ${message}`));
    const chat = client.chat(chatId);
    chat.subscribe((message, { via, late }) => shown.push({ content: message.payload.content, sequenceNumber: message.sequenceNumber, type: message.messageType, via, late }));
    await client.connect();
    await until(() => chat.status === 'joined', `${userId} has joined`);
    all.push({ userId, client, chat, shown, states, errors });
  }
  return all;
}

/** Everything that needs no fault: what it saw, as plain data. */
export async function core(sdk, setting) {
  const [ann, ben] = await enter(sdk, setting);
  const typing = [];
  ben.client.onEvent('typing', (message) => typing.push(message.payload.content));
  const receipts = [
    await ann.chat.publish('over the socket'),
    await ann.chat.publish('by HTTP', {}, { via: 'http' }),
    await ann.client.publish({ chatId: setting.chatId, content: { standard: true } }),
  ];
  await ann.client.publish({ chatId: setting.chatId, content: { typing: true }, type: 'ephemeral', eventType: 'typing', excludeSender: true });
  await until(() => ben.shown.length >= 4 && typing.length === 1, 'ben sees everything');
  await until(() => ann.client.latency.clockOffsetMs !== undefined, 'the clock offset is known');
  const result = {
    receipts: receipts.map(({ messageType, sequenceNumber }) => [messageType, sequenceNumber]),
    ben: ben.shown,
    ann: ann.shown.length,
    typing,
    presence: (await ben.chat.presence()).sort((a, b) => a.userId.localeCompare(b.userId)),
    history: (await ben.chat.history({ order: 'asc' })).messages.map(({ payload }) => payload.content),
    echo: (await ben.client.send({ action: 'echo', hello: 'there' })).hello,
    denied: await outcome(ben.client.publish({ chatId: `${setting.chatId}-locked`, content: 1 })),
    unreadable: await outcome(ben.client.history({ chatId: `${setting.chatId}-locked` })),
    offset: ann.client.latency.clockOffsetMs,
    roundTrip: ann.client.latency.roundTripMs,
    errors: [...ann.errors, ...ben.errors],
  };
  await Promise.all([ann.client.close(), ben.client.close()]);
  return { ...result, ended: [ann.client.state.status, ben.client.state.status] };
}
