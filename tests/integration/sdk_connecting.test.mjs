// The SDK in Node against the real server: connecting, tokens, refusals, closes.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import WebSocket from 'ws';
import { unique, until, using, within } from './harness.mjs';
import { SdkClients, SteadyServer, buildPackage, loadSdk, untilStatus } from './sdk.mjs';
import { core } from './sdk_core.mjs';
import { checkCore, setting } from './sdk_scenario.mjs';

before(() => buildPackage('sdk'));

describe('the SDK in Node', () => {
  const server = using(new SteadyServer());
  const clients = new SdkClients(server);
  after(() => clients.closeAll());

  it('does everything that needs no fault', async () => {
    checkCore(await core(await loadSdk(), { ...(await setting(server)), options: { WebSocket } }));
  });

  it('and by http:// with the stage in the path', async () => {
    const plan = await setting(server);
    checkCore(await core(await loadSdk(), { ...plan, url: `${plan.url}/dvl`, options: { WebSocket } }));
  });

  it('and with tickets, as require() gives it', async () => {
    const { createRequire } = await import('node:module');
    const sdk = createRequire(import.meta.url)('@carillon/client');
    checkCore(await core(sdk, { ...(await setting(server)), options: { WebSocket, authentication: 'ticket' } }));
  });

  it('connects with a static token and with a provider', async () => {
    for (const token of [server.token('ann'), () => server.token('ann'), async () => server.token('ann')]) {
      const client = await clients.connected('ann', { token });
      assert.equal(client.state.userId, 'ann');
      await client.close();
    }
  });

  it('stops at 401 with a typed error', async () => {
    const client = await clients.make('ann', { token: server.token({ user: 'ann', ttl: -3600 }) });
    await assert.rejects(within(client.connect(), 'connect() to be refused'), { name: 'CarillonError', code: 'unauthorized', status: 401 });
    assert.equal(client.state.status, 'stopped');
  });

  it('stops at 403 with a typed error', async () => {
    const client = await clients.make('ann', { orgId: 'not-mine' });
    await assert.rejects(within(client.connect(), 'connect() to be refused'), { name: 'CarillonError', code: 'forbidden', status: 403 });
    assert.equal(client.state.status, 'stopped');
  });

  it('refreshes its token on the connection that it has', async () => {
    let given = 0;
    // One that ends soon is used for half of its time.
    const client = await clients.connected('ann', { token: () => ((given += 1), server.token({ user: 'ann', ttl: given === 1 ? 4 : 3600 })) });
    const { connectionId } = client.state;
    await until(() => given === 2, 'the provider is asked again');
    await client.send({ action: 'echo' });
    assert.equal(client.state.connectionId, connectionId);
  });

  it('hears of a revocation, and joins again after a grant', async () => {
    const chatId = unique('chat');
    const { client, chat, screen } = await clients.member('ann', chatId);
    await server.revoke('ann', chatId);
    await until(() => chat.status === 'denied', 'the chat to be denied');
    assert.equal(chat.error.code, 'forbidden');
    assert.equal(client.state.status, 'connected');
    await server.grant('ann', chatId);
    chat.subscribe(() => {});
    await until(() => chat.status === 'joined', 'the chat to be joined');
    await server.published({ chat: chatId, content: 'back' });
    await screen.until(1);
    assert.deepEqual(screen.contents, ['back']);
  });

  it('stops when an operator disconnects it', async () => {
    const user = unique('user');
    const client = await clients.connected(user);
    assert.equal((await server.delete(`/connections?userId=${user}`, { token: server.admin })).status, 200);
    await untilStatus(client, 'stopped');
    assert.deepEqual([client.state.error.code, client.state.error.closeCode], ['disconnected', 4403]);
  });

  it('rejects what is over max_message_bytes of the server, and sends the rest again', async () => {
    const { chat, screen } = await clients.member('ann', unique('chat'), { maxMessageBytes: 10_000_000 });
    const large = chat.publish('x'.repeat(300_000));
    const small = chat.publish('small');
    await assert.rejects(large, { name: 'CarillonError', code: 'too_large' });
    await small;
    await screen.until(1);
    assert.deepEqual(screen.contents, ['small']);
  });
});
