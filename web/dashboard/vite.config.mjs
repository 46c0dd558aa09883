// Builds the page and the runbook. `npm run dev` serves them with hot reload, in front of the server that
// CARILLON_URL names.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Marked } from 'marked';
import { defineConfig } from 'vite';

const here = import.meta.dirname;
const runbook = path.resolve(here, '../../docs/runbook.md');
const server = process.env.CARILLON_URL ?? 'http://127.0.0.1:8080';

const idOf = (text) =>
  text
    .toLowerCase()
    .replace(/<[^>]*>/g, '')
    .replace(/[^\p{Letter}\p{Number}\s_-]/gu, '')
    .trim()
    .replace(/\s+/g, '-');

/** docs/runbook.md as HTML; its headings get the ids that links of alarms and of other documents use. */
function rendered(markdown) {
  const marked = new Marked({
    renderer: {
      heading({ tokens, depth, text }) {
        return `<h${depth} id="${idOf(text)}">${this.parser.parseInline(tokens)}</h${depth}>\n`;
      },
      // What may scroll can be reached by the keyboard.
      code(token) {
        return Object.getPrototypeOf(this).code.call(this, token).replace('<pre>', '<pre tabindex="0">');
      },
      table(token) {
        const table = Object.getPrototypeOf(this).table.call(this, token);
        return `<div class="scroll" tabindex="0" role="group" aria-label="Table">${table}</div>`;
      },
      // Other documents are in the source, not on this server.
      link({ href, tokens }) {
        const text = this.parser.parseInline(tokens);
        return /^(#|https?:)/.test(href) ? `<a href="${href}">${text}</a>` : text;
      },
    },
  });
  return marked.parse(markdown);
}

const runbookPage = {
  name: 'runbook',
  transformIndexHtml: {
    order: 'pre',
    handler(html, { filename }) {
      if (path.basename(filename) !== 'runbook.html') return html;
      if (!existsSync(runbook)) throw new Error(`${runbook} is missing: alarms link to it`);
      return html.replace('<!--runbook-->', () => rendered(readFileSync(runbook, 'utf8')));
    },
  },
};

export default defineConfig(({ command }) => ({
  root: here,
  base: command === 'serve' ? '/dashboard/' : './',
  oxc: { jsx: { runtime: 'automatic' } },
  plugins: [runbookPage],
  build: {
    target: 'es2022',
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { input: [path.join(here, 'index.html'), path.join(here, 'runbook.html')] },
  },
  server: {
    proxy: Object.fromEntries(
      ['/dashboard/series', '/dashboard/metrics', '/dashboard/alarms', '/queues', '/connections', '/websocket/connections'].map((each) => [each, server]),
    ),
  },
}));
