// Builds the page. `npm run dev` serves it with hot reload, in front of the `carillon serve --dev` that CARILLON_URL
// names.
import { defineConfig } from 'vite';

const server = process.env.CARILLON_URL ?? 'http://127.0.0.1:8080';
const requests = ['/try/session', '/messages', '/presence', '/publish', '/tickets', '/metrics'];

export default defineConfig(({ command }) => ({
  root: import.meta.dirname,
  base: command === 'serve' ? '/try/' : './',
  build: {
    target: 'es2022',
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: { ...Object.fromEntries(requests.map((each) => [each, server])), '^/$': { target: server, ws: true } },
  },
}));
