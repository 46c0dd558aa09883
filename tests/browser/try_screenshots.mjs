// Writes docs/images/try-*.png from the real page: script/node tests/browser/try_screenshots.mjs.
import path from 'node:path';
import { Server, until } from '../integration/harness.mjs';
import { Browser } from './browser.mjs';

const images = path.resolve(import.meta.dirname, '../../docs/images');
const server = new Server({ dev: true });
const browser = new Browser();
const closers = [];

async function shoot(link, name, options) {
  const page = await browser.page({ after: (close) => closers.push(close) }, server, { viewport: { width: 1100, height: 720 }, reducedMotion: 'reduce', ...options });
  await page.goto(link);
  for (const user of ['ann', 'ben']) await page.waitForSelector(`[data-user=${user}][data-status=connected]`);
  const say = async (user, text) => {
    const field = page.getByLabel(`Message as ${user}`);
    await field.fill(text);
    await field.press('Enter');
    await page.locator(`[data-user=ben] .message:not(.pending)`, { hasText: text }).last().waitFor();
  };
  if (name === 'light') {
    await say('ann', 'Did the bells arrive?');
    await say('ben', 'All eight of them, in order!');
    await say('ann', 'Then let us hang them.');
  }
  await page.getByLabel('Message as ben').pressSequentially('On my w');
  await page.getByText('ben is typing').first().waitFor();
  await page.screenshot({ path: path.join(images, `try-${name}.png`) });
}

try {
  await server.start();
  await browser.start();
  const [, link] = await until(() => /try it: (http:\S+)/.exec(server.printed.join('\n')), 'the link on stdout');
  await shoot(link, 'light');
  await shoot(link, 'dark', { colorScheme: 'dark' });
  await shoot(link, 'narrow', { viewport: { width: 400, height: 900 } });
} finally {
  for (const close of closers) await close();
  await browser.stop();
  await server.stop();
}
