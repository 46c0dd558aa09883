// A webhook receiver that checks Standard Webhooks signatures with its own code.
import { createHmac } from 'node:crypto';
import http from 'node:http';
import { Inbox } from './inbox.mjs';

export class WebhookReceiver {
  deliveries = new Inbox('webhook deliveries');
  count = 0;
  /** Status for each delivery, in order; the last one stays. A function decides by delivery, a promise delays. */
  statuses = [200];
  headers = {};

  constructor(key = Buffer.from('a webhook signing key of 32 byte')) {
    this.key = key;
    this.secret = `whsec_${key.toString('base64')}`;
  }

  /** On a free port; again, on the one that it had. */
  async start() {
    this.server = http.createServer((request, response) => {
      const chunks = [];
      request.on('data', (chunk) => chunks.push(chunk));
      request.on('end', async () => {
        const body = Buffer.concat(chunks).toString();
        const delivery = { method: request.method, url: request.url, headers: request.headers, body, at: Date.now() };
        delivery.signed = this.verifies(delivery);
        try {
          delivery.data = JSON.parse(body);
        } catch {
          delivery.data = undefined;
        }
        this.count += 1;
        const choice = this.statuses.length > 1 ? this.statuses.shift() : this.statuses[0];
        const status = typeof choice === 'function' ? choice(delivery) : choice;
        this.deliveries.push(delivery);
        response.writeHead(await status, this.headers).end();
      });
    });
    await new Promise((resolve) => this.server.listen(this.port ?? 0, '127.0.0.1', resolve));
    this.port = this.server.address().port;
    this.url = `http://127.0.0.1:${this.port}/hook`;
    return this;
  }

  /** `webhook-signature: v1,base64(HMAC-SHA256(key, id.timestamp.body))`, a timestamp of now. */
  verifies({ headers, body }) {
    const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures = '' } = headers;
    if (!id || !/^\d+$/.test(timestamp ?? '')) return false;
    if (Math.abs(Date.now() / 1000 - Number(timestamp)) > 300) return false;
    const wanted = createHmac('sha256', this.key).update(`${id}.${timestamp}.${body}`).digest('base64');
    return signatures.split(' ').includes(`v1,${wanted}`);
  }

  next(wants, what = 'a webhook delivery', ms) {
    return this.deliveries.next(wants, what, ms);
  }

  async stop() {
    this.server?.closeAllConnections();
    await new Promise((resolve) => (this.server ? this.server.close(resolve) : resolve()));
  }
}
