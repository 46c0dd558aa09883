// Writes docs/images/dashboard-*.png from a real server under real load: script/node tests/browser/screenshots.mjs.
// Takes MINUTES (8), so that the charts have something to show.
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Server, fifo } from '../integration/harness.mjs';
import { WebhookReceiver } from '../integration/webhooks.mjs';
import { Browser } from './browser.mjs';

const MINUTES = Number(process.env.MINUTES ?? 8);
const images = path.resolve(import.meta.dirname, '../../docs/images');
const USERS = Array.from({ length: 24 }, (_, index) => `user-${index}`);

/** Publishes, receives and reports what was measured, until the time is over. */
async function load(server) {
  const clients = await server.chatWith('lobby', USERS);
  const end = Date.now() + MINUTES * 60_000;
  for (let round = 0; Date.now() < end; round += 1) {
    // Bursts of varying size, so that latency varies as it does in life.
    const size = 8 + Math.round(40 * Math.abs(Math.sin(round / 9)) * Math.random());
    const sent = await Promise.all(Array.from({ length: size }, (_, index) => server.published(fifo({ chat: 'lobby', content: `${round}-${index}` }))));
    if (round % 15 === 0) await server.published({ to: 'user:nobody', content: 'is anybody there?' });
    if (round % 40 === 0) await server.publish(fifo({ chat: 'lobby', content: 'refused' }), { user: 'stranger' });
    for (const [index, client] of clients.entries()) {
      const latencies = [];
      for (const { messageId } of sent) {
        const { publishTimestamp, processorTimestamp } = await client.message(messageId);
        const now = Date.now();
        latencies.push({ messageId, endToEndMs: Math.max(0, now - publishTimestamp), networkMs: Math.max(0, now - processorTimestamp) });
      }
      if ((round + index) % 8 === 0) await server.post('/metrics', { latencies, jitter: Math.abs(latencies.at(-1).endToEndMs - latencies[0].endToEndMs) }, { user: USERS[index] });
    }
    await pause(120);
  }
}

const ALARM_MS = 60_000;
const shots = [
  { name: 'light', colorScheme: 'light', viewport: { width: 1440, height: 1180 } },
  { name: 'dark', colorScheme: 'dark', viewport: { width: 1440, height: 1180 } },
  { name: 'narrow', colorScheme: 'light', viewport: { width: 400, height: 1180 } },
];

/** As a field for date and time takes it; pages are in UTC. */
const minuteOf = (ms) => new Date(ms).toISOString().slice(0, 16);

const receiver = new WebhookReceiver();
const server = new Server();
const browser = new Browser();
const closers = [];

/** The page, showing what was since `began`. */
async function pageSince(began, options) {
  const page = await browser.signedIn({ after: (close) => closers.push(close) }, server, options);
  await page.getByRole('button', { name: 'Custom' }).click();
  await page.getByLabel('From').fill(minuteOf(began + 60_000));
  await page.getByLabel('to', { exact: true }).fill(minuteOf(Date.now() + 60_000));
  await page.getByRole('button', { name: 'Show' }).click();
  await page.getByRole('button', { name: 'Custom' }).click();
  await page.waitForSelector('[data-status=live]');
  await page.waitForSelector('[data-widget="end-to-end"] canvas');
  return page;
}

const shoot = (page, name) => page.screenshot({ path: path.join(images, `dashboard-${name}.png`) });

/** What cannot be delivered to a webhook: dead letters, an alarm, and a look at what they are. */
async function shootOperations(began) {
  for (const text of ['Your parcel is on its way', 'Your table is booked for eight', 'Your flight boards at gate B12']) {
    await server.published(fifo({ chat: 'orders', targetChannel: 'Email', event: 'reminder', content: { text } }));
  }
  const page = await pageSince(began, { colorScheme: 'light', viewport: { width: 1440, height: 1240 } });
  await page.waitForSelector('[data-alarm="dead-letters"][data-state="ALARM"]', { timeout: ALARM_MS });
  await page.locator('[data-queue="EmailFifoDLQ"] button').click();
  await page.locator('dialog [data-message]').first().waitFor();
  await page.locator('#queues').evaluate((heading) => window.scrollTo(0, heading.offsetTop - document.querySelector('.bar').offsetHeight));
  await shoot(page, 'operations');
}

try {
  await receiver.start();
  receiver.statuses = [503];
  server.config = {
    queues: { retry_base_ms: 50 },
    'channels.Email': { type: 'webhook', url: receiver.url, secret: receiver.secret },
    'alarms.dead-letters': { metric: 'DeadLetters', statistic: 'max', threshold: 0, period: '10s', evaluation_periods: 1 },
  };
  await server.start();
  await browser.start();
  const began = Date.now();
  const loading = load(server);
  loading.catch(() => {});
  await pause(MINUTES * 60_000 - 45_000);
  for (const { name, ...options } of shots) await shoot(await pageSince(began, options), name);
  await shootOperations(began);
  await loading;
} finally {
  for (const close of closers) await close();
  await browser.stop();
  await server.stop();
  await receiver.stop();
}
