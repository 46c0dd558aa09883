// The page /try/ of `serve --dev`, as a newcomer opens it: two people, messages both ways, typing, presence, a
// connection that is taken away and given back.
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { fifo, unique, until, useServer } from '../integration/harness.mjs';
import { assertAccessible, fitsItsWidth, useBrowser } from './browser.mjs';

const LINK = /try it: (http:\S+)/;

/** A promise with what settles it. */
function gate() {
  let open;
  const promise = new Promise((resolve) => (open = resolve));
  return { promise, open };
}

const HOSTILE = '<img src=x onerror="document.title=1"><script>document.title=2</script>\u202egnp.exe {{7*7}}';

describe('the page /try/', () => {
  const server = useServer({ dev: true });
  const browser = useBrowser();
  let link;
  before(async () => {
    [, link] = await until(() => LINK.exec(server.printed.join('\n')), 'the link on stdout');
    server.secret(new URL(link).hash.slice('#token='.length));
  });

  /** The page, opened by its link, with both people connected. */
  async function opened(t, options) {
    const page = await browser.page(t, server, options);
    const sockets = [];
    page.on('websocket', (socket) => sockets.push(socket.url()));
    t.after(() => {
      for (const url of sockets) {
        assert.equal(new URL(url).host, new URL(server.url).host, 'a connection elsewhere');
        assert.doesNotMatch(url, /eyJ/, 'a token in the address of a connection');
      }
    });
    await page.goto(link);
    const [ann, ben] = ['ann', 'ben'].map((user) => personOn(page, user));
    await Promise.all([ann.is('connected'), ben.is('connected')]);
    return { page, ann, ben };
  }

  function personOn(page, user) {
    const side = page.locator(`[data-user=${user}]`);
    const messages = side.locator('.message:not(.pending) .bubble');
    return {
      side,
      is: (status) => page.waitForSelector(`[data-user=${user}][data-status=${status}]`),
      field: side.getByLabel(`Message as ${user}`),
      button: (name) => side.getByRole('button', { name, exact: true }),
      sees: (text) => side.locator('.message:not(.pending)', { hasText: text }).waitFor(),
      texts: () => messages.allInnerTexts(),
      async writes(text) {
        await this.field.fill(text);
        await this.field.press('Enter');
      },
    };
  }

  it('signs in by its link, which the address loses at once', async (t) => {
    const { page } = await opened(t);
    assert.equal(page.url(), `${server.url}/try/`);
    await page.getByRole('link', { name: 'Dashboard' }).click();
    await page.waitForSelector('[data-status=live]');
  });

  it('shows on one side what is written on the other, numbered, with how long it took', async (t) => {
    const { ann, ben } = await opened(t);
    const [question, answer] = [unique('question'), unique('answer')];
    await ann.writes(question);
    await ben.sees(question);
    await ben.writes(answer);
    await ann.sees(answer);
    for (const { side, texts } of [ann, ben]) {
      assert.deepEqual((await texts()).slice(-2), [question, answer]);
      const items = side.locator('.message');
      assert.equal(await side.locator('.pending').count(), 0);
      const numbers = await items.evaluateAll((all) => all.slice(-2).map(({ dataset }) => Number(dataset.sequence)));
      assert.equal(numbers[1], numbers[0] + 1);
      assert.match(await items.last().locator('.how').innerText(), /\d+ ms/);
    }
    assert.equal(await ann.side.locator('.message.mine', { hasText: question }).count(), 1);
    assert.equal(await ben.side.locator('.message.mine', { hasText: question }).count(), 0);
    assert.equal(await ann.field.inputValue(), '');
  });

  it('shows who types, and that they stopped', async (t) => {
    const { page, ann, ben } = await opened(t);
    const notice = ben.side.locator('.typing');
    await ann.field.pressSequentially('hel');
    await page.waitForFunction(() => document.querySelector('[data-user=ben] .typing').textContent === 'ann is typing…');
    assert.equal(await ann.side.locator('.typing').innerText(), '', 'not to herself');
    await ann.field.fill('');
    await page.waitForFunction(() => document.querySelector('[data-user=ben] .typing').textContent === '');
    await ann.field.pressSequentially('hello');
    await notice.filter({ hasText: 'ann is typing…' }).waitFor();
    const text = unique('said');
    await ann.writes(text);
    await ben.sees(text);
    assert.equal(await notice.innerText(), '');
  });

  it('recovers what was written while somebody was offline, in order and once', async (t) => {
    const { ann, ben } = await opened(t);
    await ben.button('Go offline').click();
    await ben.is('paused');
    assert.equal(await ben.side.getByRole('status').first().innerText(), 'Offline');
    const missed = Array.from({ length: 3 }, () => unique('missed'));
    for (const text of missed) {
      await ann.writes(text);
      await ann.sees(text);
    }
    const late = unique('late');
    await ben.writes(late);
    await ben.side.locator('.pending', { hasText: late }).waitFor();
    for (const text of missed) assert.equal(await ben.side.getByText(text).count(), 0);
    await ben.button('Come back online').click();
    await ben.is('connected');
    await ben.side.locator('.note', { hasText: '3 messages recovered' }).waitFor();
    await ann.sees(late);
    await ben.sees(late);
    for (const { texts } of [ann, ben]) assert.deepEqual((await texts()).slice(-4), [...missed, late]);
    assert.equal(await ben.side.locator('.pending').count(), 0);
  });

  it('disconnects and connects again, and the other side knows', async (t) => {
    const { ann, ben } = await opened(t);
    await ann.side.getByText('ben is here').waitFor();
    await ben.button('Disconnect').click();
    await ben.is('idle');
    await ann.side.getByText('nobody else is here').waitFor();
    const text = unique('meanwhile');
    await ann.writes(text);
    await ann.sees(text);
    await ben.button('Connect').click();
    await ben.is('connected');
    await ben.sees(text);
    await ann.side.getByText('ben is here').waitFor();
    assert.equal((await ben.texts()).filter((each) => each === text).length, 1);
  });

  it('shows after a reload what was said before, and older messages on demand', async (t) => {
    const { page, ann, ben } = await opened(t);
    const token = new URL(link).hash.slice('#token='.length);
    const said = Array.from({ length: 45 }, () => unique('said'));
    for (const content of said) await server.published(fifo({ chat: 'try', content }), { token });
    await ann.sees(said.at(-1));
    await page.reload();
    await Promise.all([ann.is('connected'), ben.is('connected')]);
    await ben.sees(said.at(-1));
    assert.deepEqual(await ben.texts(), said.slice(-30));
    await ben.button('Older messages').click();
    await ben.sees(said[0]);
    assert.deepEqual((await ben.texts()).slice(-45), said);
  });

  /** The connections of a page to come, in the middle: `change` answers what is passed on of each frame of the server. */
  async function intercepted(page, change = (frame) => frame) {
    const sockets = [];
    await page.routeWebSocket(/./, (socket) => {
      const sent = socket.connectToServer();
      sent.onMessage((frame) => socket.send(JSON.stringify(change(JSON.parse(frame)))));
      sockets.push(socket);
    });
    return sockets;
  }

  const numbersOf = (side) => side.locator('[data-sequence]').evaluateAll((all) => all.map(({ dataset }) => Number(dataset.sequence)));
  const sayMany = async (count) => {
    const token = new URL(link).hash.slice('#token='.length);
    for (let said = 0; said < count; said += 1) await server.published(fifo({ chat: 'try', content: unique('said') }), { token });
  };

  it('skips nothing older for a message that comes late, and shows that in its place', async (t) => {
    await sayMany(65);
    const page = await browser.page(t, server);
    const sockets = await intercepted(page);
    await page.goto(link);
    const ben = personOn(page, 'ben');
    await ben.side.locator('[data-sequence]').nth(29).waitFor();
    const [first] = await numbersOf(ben.side);
    const [text, sequenceNumber] = [unique('redriven'), first - 10];
    const at = Date.parse(await ben.side.locator('.message time').first().getAttribute('datetime')) - 3_600_000;
    const message = {
      type: 'message', messageId: unique('late'), chatId: 'try', targetClass: 'chat', messageType: 'fifo', sequenceNumber, eventType: 'chat', userId: 'cem',
      payload: { chatId: 'try', eventType: 'chat', content: text }, timestamp: new Date(at).toISOString(), publishTimestamp: at, targetChannel: 'WebSocket',
    };
    for (const socket of sockets) socket.send(JSON.stringify(message));
    await ben.sees(text);
    await ben.button('Older messages').click();
    await ben.side.locator('[data-sequence]').nth(50).waitFor();
    const numbers = await numbersOf(ben.side);
    const whole = Array.from({ length: numbers.length - 1 }, (_, index) => first + 30 - (numbers.length - 1) + index);
    assert.deepEqual(numbers, [...whole, sequenceNumber].sort((a, b) => a - b));
  });

  it('does not add older messages of a store that was exchanged meanwhile', async (t) => {
    await sayMany(35);
    const page = await browser.page(t, server);
    let epoch;
    await intercepted(page, (frame) => (frame.type === 'connected' && epoch ? { ...frame, storeEpoch: epoch } : frame));
    const [asked, answered] = [gate(), gate()];
    await page.route(/\/messages\?.*toTimestamp/, async (route) => {
      const response = await route.fetch();
      asked.open();
      await answered.promise;
      await route.fulfill({ response });
    });
    await page.goto(link);
    const ben = personOn(page, 'ben');
    await ben.side.locator('[data-sequence]').nth(29).waitFor();
    const shown = await numbersOf(ben.side);
    await ben.button('Older messages').click();
    await asked.promise;
    epoch = 'another';
    await ben.button('Go offline').click();
    await ben.is('paused');
    await ben.button('Come back online').click();
    await ben.side.locator('.note', { hasText: 'another store' }).waitFor();
    await ben.side.locator('[data-sequence]').nth(29).waitFor();
    const arrived = page.waitForResponse(/toTimestamp/);
    answered.open();
    await (await arrived).finished();
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve)));
    assert.deepEqual(await numbersOf(ben.side), shown);
    assert.equal(await ben.button('Older messages').isEnabled(), true);
  });

  it('takes a link that is opened in its own tab', async (t) => {
    const page = await browser.page(t, server);
    await page.goto(`${server.url}/try/`);
    await page.getByLabel('Link or token').waitFor();
    for (const visit of ['signed out', 'signed in']) {
      const loaded = page.waitForEvent('load');
      await page.evaluate((hash) => void (location.hash = hash), new URL(link).hash);
      await loaded;
      await page.waitForSelector('[data-user=ann][data-status=connected]');
      assert.equal(page.url(), `${server.url}/try/`, visit);
    }
  });

  it('shows whatever is said as text', async (t) => {
    const { page, ann, ben } = await opened(t);
    await ann.writes(HOSTILE);
    await ben.sees('{{7*7}}');
    const token = new URL(link).hash.slice('#token='.length);
    await server.published(fifo({ chat: 'try', content: { html: HOSTILE } }), { token });
    await ben.sees('"html"');
    assert.ok((await ben.texts()).at(-2).includes('<img src=x onerror='));
    assert.equal(await page.locator('.person img, .person script').count(), 0, 'content became markup');
    assert.equal(await page.title(), 'Try Carillon');
  });

  it('is used by the keyboard alone', async (t) => {
    const { page, ann, ben } = await opened(t);
    await ann.field.focus();
    const text = unique('typed');
    await page.keyboard.type(text);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await ben.sees(text);
    await ben.button('Go offline').focus();
    await page.keyboard.press('Space');
    await ben.is('paused');
    assert.equal(await ben.button('Come back online').getAttribute('aria-pressed'), 'true');
  });

  for (const colorScheme of ['light', 'dark']) {
    it(`is accessible, ${colorScheme}, wide and 400 pixels wide`, async (t) => {
      const { page, ann, ben } = await opened(t, { colorScheme });
      const long = unique('x'.repeat(300));
      await ann.writes(long);
      await ben.sees(long);
      await ben.button('Go offline').click();
      await ben.is('paused');
      await ben.writes('waits');
      for (const width of [1280, 400]) {
        await page.setViewportSize({ width, height: 900 });
        assert.ok(await fitsItsWidth(page), `${width} pixels`);
        await assertAccessible(page, `${colorScheme}, ${width} pixels`);
      }
    });
  }

  it('works below the stage', async (t) => {
    const page = await browser.page(t, server);
    await page.goto(link.replace('/try/', '/dvl/try/'));
    await page.waitForSelector('[data-user=ben][data-status=connected]');
  });

  it('says how to get in, and takes a link that is pasted', async (t) => {
    const page = await browser.page(t, server, { refusals: [401] });
    await page.goto(`${server.url}/try/`);
    const problem = page.locator('main > .problem');
    assert.match(await problem.innerText(), /carillon serve --dev/);
    await assertAccessible(page, 'signed out');
    const field = page.getByLabel('Link or token');
    await field.fill('no token at all');
    await page.getByRole('button', { name: 'Open the chat' }).click();
    await problem.filter({ hasText: 'no longer good' }).waitFor();
    await field.fill(link);
    await page.getByRole('button', { name: 'Open the chat' }).click();
    await page.waitForSelector('[data-user=ann][data-status=connected]');
    assert.equal(await problem.isVisible(), false);
  });
});
