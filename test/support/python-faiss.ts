import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { projectRoot } from '../../src/config.ts';

/** What scripts/setup-python-faiss.mjs found: a Python that has FAISS, or why there is none. */
type Found = { program: string; env: Record<string, string> } | { missing: string };

const found = await readFile(join(projectRoot, '.zyra/native/python-faiss.json'), 'utf8').then(
  (text) => JSON.parse(text) as Found,
  (): Found => ({ missing: 'no FAISS for Python was looked for: `npm test` does that' }),
);

/** Why the tests that need Python's FAISS are skipped; undefined when there is one. */
export const pythonMissing = 'missing' in found ? found.missing : undefined;

/** Run a program in Python with FAISS and NumPy; what it prints as JSON comes back. */
export const runPython = async (program: string, ...args: string[]): Promise<unknown> => {
  if ('missing' in found) throw new Error(found.missing);
  const { stdout } = await promisify(execFile)(found.program, ['-c', program, ...args], {
    env: { ...process.env, ...found.env },
    maxBuffer: 64 << 20,
  });
  return JSON.parse(stdout);
};
