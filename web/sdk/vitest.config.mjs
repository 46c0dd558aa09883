import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    environment: 'node',
    // Virtual time: nothing may really take long.
    testTimeout: 15_000,
  },
});
