import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: [
      'src/**/*.test.ts',
      'jobs/**/*.test.ts',
      'workers/**/*.test.ts',
      'test/**/*.test.ts',
      'scripts/**/*.test.ts',
    ],
    globalSetup: ['test/support/servers.ts', 'test/support/language-model.ts'],
    // Whole-system tests start processes of their own; more than this starves them on two cores.
    maxWorkers: 2,
    // With threads of its own it can hang a process that starts another one while FAISS is searching.
    env: { OPENBLAS_NUM_THREADS: '1' },
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
