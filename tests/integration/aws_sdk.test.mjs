// CONTRACT §12: the official SDK of the cloud service works with its endpoint changed.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  ApiGatewayManagementApiClient,
  DeleteConnectionCommand,
  GetConnectionCommand,
  GoneException,
  PayloadTooLargeException,
  PostToConnectionCommand,
} from '@aws-sdk/client-apigatewaymanagementapi';
import { unique, until, useServer } from './harness.mjs';
import { AWS_KEYS, KEY, READER } from './sigv4.mjs';

describe('the AWS SDK', () => {
  const server = useServer({ config: AWS_KEYS });
  server.secret(KEY.secret);
  /** Only endpoint, region and credentials are set. */
  const sdk = (stage = '/dvl', key = KEY, extra = {}) =>
    new ApiGatewayManagementApiClient({
      endpoint: `${server.url}${stage}`,
      region: 'eu-central-1',
      credentials: { accessKeyId: key.id, secretAccessKey: key.secret },
      ...extra,
    });
  const post = (client, ConnectionId, Data = 'x') => client.send(new PostToConnectionCommand({ ConnectionId, Data }));
  /** Fails when a frame came before the answer to a ping. */
  const nothingMore = async (client) => {
    const requestId = unique('ping');
    client.send({ action: 'ping', requestId });
    assert.deepEqual(await client.before((frame) => frame.requestId === requestId), []);
  };
  const refusal = async (call) => {
    try {
      await call;
    } catch (error) {
      return error;
    }
    return assert.fail('the call succeeded');
  };
  const connect = async (options = {}) => {
    const user = unique('user');
    const client = await server.connect({ as: user, headers: { 'user-agent': 'tests/1' }, ...options });
    return { client, id: client.hello.connectionId, user };
  };

  for (const stage of ['/dvl', '']) {
    it(`posts, describes and deletes with the endpoint's path '${stage}'`, async () => {
      const before = Date.now();
      const { client, id } = await connect();
      const api = sdk(stage);
      const answer = await post(api, id, JSON.stringify({ hello: 'wörld 🔔' }));
      assert.equal(answer.$metadata.httpStatusCode, 200);
      assert.deepEqual(await client.next(), { hello: 'wörld 🔔' });

      const about = await api.send(new GetConnectionCommand({ ConnectionId: id }));
      assert.equal(about.$metadata.httpStatusCode, 200);
      assert.deepEqual(about.Identity, { SourceIp: '127.0.0.1', UserAgent: 'tests/1' });
      assert.ok(about.ConnectedAt instanceof Date && about.ConnectedAt >= before - 1000 && about.ConnectedAt <= Date.now());
      assert.ok(about.LastActiveAt >= about.ConnectedAt);

      const deleted = await api.send(new DeleteConnectionCommand({ ConnectionId: id }));
      assert.equal(deleted.$metadata.httpStatusCode, 204);
      assert.equal((await client.whenClosed()).code, 4403);
    });
  }

  it('meets GoneException by its name, for every operation', async () => {
    const { client, id } = await connect();
    const api = sdk();
    await api.send(new DeleteConnectionCommand({ ConnectionId: id }));
    await client.whenClosed();
    // `=` is what ids of the cloud end in, and is escaped on the way.
    for (const ConnectionId of [id, 'L0SM9cOFvHcCIhw=', 'a/b c+d%', '..x', '@connections', '🔔']) {
      for (const command of [
        new PostToConnectionCommand({ ConnectionId, Data: 'x' }),
        new GetConnectionCommand({ ConnectionId }),
        new DeleteConnectionCommand({ ConnectionId }),
      ]) {
        const error = await refusal(api.send(command));
        assert.equal(error.name, 'GoneException', `${ConnectionId}: ${error.name} ${error.message}`);
        assert.ok(error instanceof GoneException);
        assert.equal(error.$metadata.httpStatusCode, 410);
        assert.equal(error.message, 'Gone');
      }
    }
  });

  it('finds a connection gone that closed by itself', async () => {
    const { client, id } = await connect();
    const api = sdk();
    await post(api, id);
    client.close();
    await client.whenClosed();
    const error = await until(async () => post(api, id).then(() => null, (each) => each), 'the connection is gone');
    assert.equal(error.name, 'GoneException');
  });

  it('posts bytes in order, each once', async () => {
    const { client, id } = await connect();
    const api = sdk();
    for (let i = 0; i < 20; ++i) await post(api, id, Buffer.from(`{"n":${i}}`));
    for (let i = 0; i < 20; ++i) assert.deepEqual(await client.next(), { n: i });
    await nothingMore(client);
  });

  it('posts to that connection only', async () => {
    const user = unique('user');
    const [one, other] = await Promise.all([connect({ as: user }), connect({ as: user })]);
    await post(sdk(), one.id, '{"only":1}');
    assert.deepEqual(await one.client.next(), { only: 1 });
    await nothingMore(other.client);
  });

  it('posts 128 KB and no more', async () => {
    const { client, id } = await connect();
    const api = sdk();
    const most = JSON.stringify('x'.repeat(131072 - 2));
    await post(api, id, most);
    assert.equal(await client.next(), JSON.parse(most));
    for (const size of [131073, 300_000]) {
      const error = await refusal(post(api, id, 'x'.repeat(size)));
      assert.equal(error.name, 'PayloadTooLargeException', error.message);
      assert.ok(error instanceof PayloadTooLargeException);
      assert.equal(error.$metadata.httpStatusCode, 413);
    }
    const text = await refusal(post(api, id, Buffer.from([0xff, 0xfe])));
    assert.deepEqual([text.name, text.$metadata.httpStatusCode], ['BadRequestException', 400]);
  });

  it('is refused with a wrong secret, an unknown key, or a key without the scope', async () => {
    const { client, id } = await connect();
    for (const key of [{ ...KEY, secret: 'wrong' }, { ...KEY, id: 'NOBODY' }, { ...KEY, id: READER.id }]) {
      const error = await refusal(post(sdk('/dvl', key), id));
      assert.deepEqual([error.name, error.$metadata.httpStatusCode], ['InvalidSignatureException', 401]);
      assert.match(error.message, /the access key is unknown or the signature does not match/);
    }
    const forbidden = await refusal(post(sdk('/dvl', READER), id));
    assert.deepEqual([forbidden.name, forbidden.$metadata.httpStatusCode], ['ForbiddenException', 403]);
    const session = sdk('/dvl', KEY, { credentials: { accessKeyId: KEY.id, secretAccessKey: KEY.secret, sessionToken: 't' } });
    assert.equal((await refusal(post(session, id))).$metadata.httpStatusCode, 401);
    await nothingMore(client);
  });
});
