// Writes docs/images/comments-*.png from the real application: script/node tests/browser/comments_screenshots.mjs.
import path from 'node:path';
import { CommentsApplication } from '../../examples/comments/application.mjs';
import { BINARY, removeDirectory, temporaryDirectory } from '../integration/harness.mjs';
import { Browser } from './browser.mjs';

const root = path.resolve(import.meta.dirname, '../..');
const images = path.join(root, 'docs/images');
const data = temporaryDirectory();
const application = new CommentsApplication({
  programs: path.dirname(BINARY),
  web: path.join(root, 'build/example-comments/web'),
  data,
  ports: { carillon: 0, api: 0, web: 0 },
});
const browser = new Browser();
const closers = [];

async function windowOf(name, options = {}) {
  const server = { url: application.url, origins: [`http://localhost:${application.ports.api}`], secrets: [] };
  const page = await browser.page({ after: (close) => closers.push(close) }, server, { viewport: { width: 820, height: 980 }, reducedMotion: 'reduce', ...options });
  await page.goto(`${application.url}/?post=welcome`);
  await page.getByLabel('Your name').fill(name);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForSelector('[data-status=connected]');
  await page.waitForSelector('[data-comments=ready]');
  return page;
}

async function write(page, text) {
  await page.getByLabel('Your comment', { exact: true }).fill(text);
  await page.getByRole('button', { name: 'Post', exact: true }).click();
  await page.locator('[data-comment]').filter({ hasText: text }).waitFor();
}

async function shoot(page, name) {
  await page.evaluate(() => {
    document.activeElement.blur();
    window.scrollTo(0, 0);
  });
  await page.screenshot({ path: path.join(images, `comments-${name}.png`) });
}

try {
  await application.start();
  await browser.start();
  const ann = await windowOf('ann');
  const ben = await windowOf('ben', { colorScheme: 'dark' });
  const narrow = await windowOf('cleo', { viewport: { width: 400, height: 980 } });
  await write(ann, 'Good morning from the north tower. Is anybody awake yet?');
  await write(ben, 'Wide awake! I saw yours arrive before my kettle was done.');
  await write(ann, 'Then the bells do their work.');
  await narrow.locator('[data-toast]').filter({ hasText: 'bells' }).waitFor();
  await ben.locator('[data-toast]').filter({ hasText: 'bells' }).waitFor();
  await shoot(ann, 'ann');
  await shoot(ben, 'ben');
  await shoot(narrow, 'narrow');
} finally {
  for (const close of closers) await close();
  await browser.stop();
  await application.stop();
  removeDirectory(data);
}
