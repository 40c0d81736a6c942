import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from '../../src/config.ts';
import type { ServerName } from '../support/deploy.ts';

/**
 * What is loaded into servers so that their power can be cut and their disk filled; undefined where there is no C
 * compiler. A note of what is safe is made after every sync, never before.
 */
export const preparePower = async () => {
  const dir = await mkdtemp(join(tmpdir(), 'zyra-power-'));
  await chmod(dir, 0o755);
  const library = join(dir, 'synced.so');
  try {
    const source = join(projectRoot, 'test/faults/synced.c');
    execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, source, '-ldl'], { stdio: 'pipe' });
  } catch {
    await rm(dir, { recursive: true });
    return undefined;
  }
  const states = {} as Record<ServerName, string>;
  for (const name of ['postgres', 'queue', 'cache'] as const) {
    states[name] = join(dir, name);
    await mkdir(states[name]);
    // PostgreSQL may run as somebody else.
    await chmod(states[name], 0o777);
  }
  const envOf = (name: ServerName) => ({
    ...{ LD_PRELOAD: library, FAULT_STATE: states[name], FAULT_DIR: `${tmpdir()}/zyra-system-` },
  });
  return {
    env: { queue: envOf('queue'), postgres: envOf('postgres') },
    /** Cut every file of a server that was killed to what was safe. @returns how many bytes were lost */
    async cut(name: ServerName): Promise<number> {
      let lost = 0;
      for (const note of await readdir(states[name])) {
        const [length, path = ''] = (await readFile(join(states[name], note), 'utf8')).trimEnd().split(' ');
        const found = await stat(path).catch(() => undefined);
        // Only what grows at its end; another file may have the place of one that is gone.
        if (!found || String(found.ino) !== note || !path.includes('appendonlydir')) continue;
        if (found.size > Number(length)) {
          lost += found.size - Number(length);
          await truncate(path, Number(length));
        }
      }
      return lost;
    },
    fill: (name: ServerName) => writeFile(join(states[name], 'full'), ''),
    free: (name: ServerName) => rm(join(states[name], 'full'), { force: true }),
    close: () => rm(dir, { recursive: true, force: true }),
  };
};

export type Power = NonNullable<Awaited<ReturnType<typeof preparePower>>>;
