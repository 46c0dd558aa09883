// CONTRACT §11, §13: a slow consumer turns an alarm on; its dead letter is looked at and redriven on the page, and the
// alarm is off again.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { buryFor } from '../integration/dead_letters.mjs';
import { unique, useServer } from '../integration/harness.mjs';
import { assertAccessible, useBrowser } from './browser.mjs';

const DLQ = 'WebSocketFifoDLQ';
const HOSTILE = '</pre><img src=x onerror="document.title=1"><script>document.title=2</script>\u202egnp.exe\u0007\u200b{{7*7}}';
const ALARM_MS = 60_000;

/** The server, with every message's content beginning with what a stranger could write. */
function withHostileContent(server) {
  const other = Object.create(server);
  other.published = (fields) => server.published({ ...fields, payload: { ...fields.payload, content: [HOSTILE, fields.payload.content] } });
  return other;
}

const stateOf = (page, state) => page.waitForSelector(`[data-alarm="dead-letters"][data-state="${state}"]`, { timeout: ALARM_MS });

describe('dead letters on the dashboard', () => {
  const server = useServer({
    config: {
      gateway: { max_outbound_bytes: 262_144 + 65_536, heartbeat_timeout_seconds: 120 },
      queues: { retry_base_ms: 50 },
      'alarms.dead-letters': { metric: 'DeadLetters', statistic: 'max', threshold: 0, period: '10s', evaluation_periods: 1 },
    },
  });
  const browser = useBrowser();

  it('raise an alarm, are shown as text, and are redriven', async (t) => {
    const page = await browser.signedIn(t, server);
    await stateOf(page, 'OK');
    const chat = unique('chat');
    const letter = await buryFor(withHostileContent(server), 'slow', chat);
    await stateOf(page, 'ALARM');
    assert.equal(await page.locator('[data-tile=alarms] a').innerText(), '1');
    await page.waitForSelector(`[data-queue="${DLQ}"][data-dead]`);

    await page.locator(`[data-queue="${DLQ}"] button`).click();
    const shown = page.locator(`[data-message="${letter.messageId}"]`);
    await shown.waitFor();
    const text = await shown.locator('pre').innerText();
    assert.ok(text.includes('<img src=x onerror=') && text.includes('<script>') && text.includes('{{7*7}}'), text.slice(0, 300));
    assert.ok(text.includes('\\u{202e}gnp.exe') && text.includes('\\u{200b}') && text.includes('\\u0007'), 'what is invisible is written out');
    assert.doesNotMatch(text, /[\u202e\u200b\u0007]/);
    assert.equal(await page.locator('dialog img, dialog script').count(), 0, 'content became markup');
    assert.equal(await page.title(), 'NotificationService-Latency');
    assert.ok((await shown.innerText()).includes('slow'), 'who did not get it');
    await assertAccessible(page, 'messages of a queue');

    const back = await server.connect({ as: 'slow', chats: [chat] });
    await page.getByLabel(`Select ${letter.messageId}`).check();
    await page.getByRole('button', { name: 'Redrive selected (1)' }).click();
    await page.getByRole('button', { name: 'Cancel' }).click();
    assert.equal((await server.queue(DLQ)).depth, 1, 'cancelled, and nothing was sent');
    await page.getByRole('button', { name: 'Redrive selected (1)' }).click();
    await page.getByRole('button', { name: 'Redrive', exact: true }).click();
    await page.getByText('1 message redriven.').waitFor();
    await back.message(letter.messageId);
    await page.getByRole('button', { name: 'Close' }).click();
    await stateOf(page, 'OK');
    assert.equal(await page.locator('[data-tile=alarms] a').innerText(), 'none');
    await page.waitForSelector(`[data-queue="${DLQ}"]:not([data-dead])`);
  });

  it('have a paragraph in the runbook that the alarm links to', async (t) => {
    const page = await browser.signedIn(t, server);
    for (const name of ['average-latency', 'p95-latency', 'high-latency-messages', 'dead-letters']) {
      const link = page.locator(`[data-alarm="${name}"] a`);
      assert.equal(await link.getAttribute('href'), `runbook.html#alarm-${name}`);
    }
    await page.locator('[data-alarm="dead-letters"] a').click();
    await page.waitForURL('**/dashboard/runbook.html#alarm-dead-letters');
    for (const name of ['average-latency', 'p95-latency', 'high-latency-messages', 'dead-letters']) {
      assert.equal(await page.locator(`[id="alarm-${name}"]`).count(), 1, name);
    }
    await assertAccessible(page, 'the runbook');
    await page.getByRole('link', { name: 'NotificationService-Latency' }).click();
    await page.waitForSelector('[data-status=live]');
  });
});
