import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { defineScenario, type Stage } from '../scenario.ts';
import { buildIndex } from '../support/build-index.ts';
import { untilStopped } from '../support/system.ts';

interface Searched {
  p99: number[];
  recall: number;
  notes: Record<string, unknown>;
}

const searchProcess = fileURLToPath(new URL('../support/search-process.js', import.meta.url));

const measure = async (stage: Stage, size: number) => {
  const folder = await stage.folder();
  const built = await buildIndex(size, folder);
  stage.say(`${size} vectors built in ${built.build_s} s`);
  const child = fork(searchProcess, [folder, String(stage.rounds)]);
  const done = untilStopped(async () => void child.kill());
  const [searched] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`searching ended with ${code}`))),
  ]).finally(done)) as [Searched];
  stage.say(`searched, recall ${searched.recall}`);
  return { ...searched, build_s: built.build_s, notes: { ...built.notes, ...searched.notes } };
};

/** Random clusters, k 10. `--set vectors=N` for another size to build. */
export const search = defineScenario({
  figures: [
    {
      name: 'search-p99',
      unit: 'ms',
      what: 'one search of an index of 100,000 vectors of 384',
      aim: { of: 'ours', want: '<=', value: 10 },
    },
    {
      name: 'search-recall',
      unit: 'recall@10',
      what: 'of those searches, against comparing with every vector',
      aim: { of: 'ours', want: '>=', value: 0.98 },
    },
    {
      name: 'index-build',
      unit: 's',
      what: 'building the index: 1,000,000 vectors at scale l, 100,000 at s',
      aim: { of: 'ours', want: '<=', value: { s: 12, l: 120 } },
    },
  ],
  async run(stage) {
    const size = stage.size('vectors', { s: 100_000, l: 1_000_000 });
    const small = await measure(stage, 100_000);
    const built = size === 100_000 ? small : await measure(stage, size);
    return {
      'search-p99': { ours: small.p99, notes: small.notes },
      'search-recall': { ours: [small.recall] },
      'index-build': {
        ours: [built.build_s],
        notes: { ...built.notes, p99_ms: built.p99, recall: built.recall },
      },
    };
  },
});
