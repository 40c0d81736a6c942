import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take minutes, the longest first: one that begins last would have the other worker wait for it. */
const long = [
  'test/faults/faults',
  'test/movielens',
  'test/index-kills',
  'test/interactions',
  'test/explain',
  'test/order',
  'src/cli/cli',
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const placeOf = ({ moduleId }: TestSpecification): number => {
      const place = long.findIndex((name) => moduleId.includes(`/${name}.test.ts`));
      return place < 0 ? long.length : place;
    };
    return sorted.toSorted((one, other) => placeOf(one) - placeOf(other));
  }
}

export default defineConfig({
  test: {
    include: [
      'src/**/*.test.ts',
      'jobs/**/*.test.ts',
      'workers/**/*.test.ts',
      'test/**/*.test.ts',
      'scripts/**/*.test.ts',
    ],
    globalSetup: ['test/support/servers.ts', 'test/support/language-model.ts', 'test/support/s3-program.ts'],
    // Whole-system tests start processes of their own; more than this starves them on two cores.
    maxWorkers: 2,
    // Every file has databases, queues and folders of its own; loading all modules anew for each took a minute of two cores.
    isolate: false,
    sequence: { sequencer: LongestFirst },
    // With threads of its own it can hang a process that starts another one while FAISS is searching.
    env: { OPENBLAS_NUM_THREADS: '1' },
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
