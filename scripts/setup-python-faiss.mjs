import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { libraryFolders, nativeRoot } from './debian-packages.mjs';
import { root, SetupError, succeeds } from './run.mjs';
import { obtainFromDebian, setUpTestTool } from './test-tool.mjs';

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

const mustImport = async (python) => {
  if (!(await imports(python))) throw new SetupError('its faiss module does not load');
};

/** Get FAISS for Python for the tests: the system's, else Debian's unpacked under `.zyra/native`. */
export const setUpPythonFaiss = () =>
  setUpTestTool({
    record,
    tests: "Tests with Python's FAISS",
    works: imports,
    obtain: () =>
      obtainFromDebian({
        lacking: 'Python has no faiss module',
        title: "Python's FAISS",
        packages: ['python3-faiss', 'libopenblas0-pthread'],
        ...{ installed, unpacked, works: imports, check: mustImport },
      }),
  });
