import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { projectRoot } from '../../src/config.ts';
import { findModelFault, modelFolder } from '../../src/embeddings/model-files.ts';
import { defineScenario } from '../scenario.ts';
import { untilStopped } from '../support/system.ts';

/** A copy of the project with data of its own; what is large or took long to make is shared. */
const copyProject = async (copy: string): Promise<void> => {
  const shared = ['node_modules'];
  const left = ['.git', '.zyra', 'artifacts', ...shared];
  for (const name of await readdir(projectRoot))
    if (!left.includes(name)) await cp(join(projectRoot, name), join(copy, name), { recursive: true });
  for (const name of shared) await symlink(join(projectRoot, name), join(copy, name));
  await mkdir(join(copy, '.zyra'));
  await symlink(join(projectRoot, '.zyra/native'), join(copy, '.zyra/native'));
};

const stop = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
};

/** `npm start` of a system that has been started before, with the demo shop in it. */
export const start = defineScenario({
  figures: [
    {
      name: 'start-warm',
      unit: 's',
      what: 'npm start with data of an earlier start, until it says that it is ready',
      aim: { of: 'ours', want: '<=', value: 15 },
    },
  ],
  async run(stage) {
    const copy = await stage.folder();
    await copyProject(copy);
    const model = modelFolder({ ARTIFACTS_DIR: join(projectRoot, 'artifacts') });
    const env = {
      ...{ PATH: process.env.PATH, HOME: process.env.HOME, ARTIFACTS_DIR: join(copy, 'artifacts') },
      ...((await findModelFault(model)) === undefined
        ? { EMBEDDING_MODEL_PATH: model }
        : { EMBEDDER: 'fallback' }),
    };
    const bringUp = async (): Promise<number> => {
      const began = performance.now();
      const child = spawn(process.execPath, ['scripts/start.mjs', '--port', '0'], {
        ...{ cwd: copy, env, stdio: ['ignore', 'pipe', 'pipe'] },
      });
      const said: string[] = [];
      child.stderr.on('data', (text) => said.push(String(text)));
      const done = untilStopped(() => stop(child));
      try {
        for await (const line of createInterface({ input: child.stdout })) {
          said.push(line);
          if (line.startsWith('zyra is ready')) return (performance.now() - began) / 1_000;
        }
        throw new Error(`npm start ended: ${said.join('\n').slice(-1_000)}`);
      } finally {
        child.stdout.resume();
        await done();
      }
    };
    const first = await bringUp();
    stage.say(`the first start, with the demo shop to load: ${first.toFixed(1)} s`);
    const took: number[] = [];
    for (let round = 0; round < stage.rounds; round += 1) {
      took.push(await bringUp());
      stage.say(`${took.at(-1)?.toFixed(1)} s`);
    }
    return { 'start-warm': { ours: took, notes: { first_start_s: Math.round(first) } } };
  },
});
