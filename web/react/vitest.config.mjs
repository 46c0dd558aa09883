import path from 'node:path';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  oxc: { jsx: { runtime: 'automatic' } },
  resolve: { alias: { '@carillon/client': path.resolve(import.meta.dirname, '../sdk/src/index.ts') } },
  test: {
    include: ['tests/**/*.test.{ts,tsx}'],
    environment: 'happy-dom',
    testTimeout: 15_000,
  },
});
