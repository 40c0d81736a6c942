import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  forgetPackageLists,
  haveApt,
  libraryFolders,
  nativeRoot,
  unpackPackages,
} from './debian-packages.mjs';
import { root, step, succeeds } from './run.mjs';

/** Read by the tests that hold our files against FAISS's own Python: `{ program, env }`, or `{ missing }`. */
const record = join(root, '.zyra/native/python-faiss.json');

const imports = ({ program, env }) =>
  succeeds(program, ['-c', 'import faiss, numpy'], { env: { ...process.env, ...env } });

const installed = async () => {
  for (const program of ['python3', '/usr/bin/python3']) {
    if (await imports({ program, env: {} })) return { program, env: {} };
  }
};

/** Debian's modules fit Debian's Python, which need not be the first on the PATH. */
const unpacked = async () => ({
  program: existsSync('/usr/bin/python3') ? '/usr/bin/python3' : join(nativeRoot, 'usr/bin/python3'),
  env: {
    PYTHONPATH: join(nativeRoot, 'usr/lib/python3/dist-packages'),
    LD_LIBRARY_PATH: (await libraryFolders()).join(':'),
    ...(existsSync('/usr/bin/python3') ? {} : { PYTHONHOME: join(nativeRoot, 'usr') }),
  },
});

const obtain = async () => {
  const found = await installed();
  if (found) return found;
  if (await imports(await unpacked())) return unpacked();
  if (!(await haveApt())) return { missing: 'Python has no faiss module, and there are no Debian packages' };
  try {
    await step("Python's FAISS, for tests only: unpacking Debian packages under .zyra/native", () =>
      unpackPackages(['python3-faiss']),
    );
    const python = await unpacked();
    return (await imports(python)) ? python : { missing: "Debian's faiss module does not load" };
  } catch (error) {
    return { missing: `Python has no faiss module, and Debian's cannot be had: ${error.message}` };
  } finally {
    await forgetPackageLists();
  }
};

/**
 * Get FAISS for Python for the tests: the system's, else Debian's unpacked under `.zyra/native`. Without it the tests
 * that need it are skipped, saying why; the next run looks again.
 */
export const setUpPythonFaiss = async () => {
  const recorded = await readFile(record, 'utf8').then(JSON.parse, () => undefined);
  if (recorded?.program && (await imports(recorded))) return;
  const python = await obtain();
  if (python.missing)
    process.stdout.write(`  Tests with Python's FAISS will be skipped: ${python.missing}\n`);
  await mkdir(dirname(record), { recursive: true });
  await writeFile(`${record}.new`, `${JSON.stringify(python, null, 2)}\n`);
  await rename(`${record}.new`, record);
};
