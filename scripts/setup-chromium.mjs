import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { libraryFolders, nativeRoot } from './debian-packages.mjs';
import { root, run, SetupError } from './run.mjs';
import { obtainFromDebian, setUpTestTool } from './test-tool.mjs';

/** Read by the browser tests: `{ program, env }`, or `{ missing }` with the reason why there is none. */
const record = join(root, '.zyra/native/chromium.json');

const namesOnPath = ['chromium', 'chromium-browser', 'google-chrome', 'chromium-headless-shell'];

/** @throws SetupError unless it draws a page. A program of this name may only tell where to get the real one. */
const draw = async ({ program, env }) => {
  if (!existsSync(program)) throw new SetupError(`there is no ${program}`);
  const home = await mkdtemp(join(tmpdir(), 'zyra-chromium-'));
  try {
    const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'];
    const page = 'data:text/html,<p>drawn</p>';
    const said = await run(program, [...flags, `--user-data-dir=${home}`, '--dump-dom', page], {
      env: { ...process.env, ...env, HOME: home },
      timeoutMs: 60_000,
    });
    if (!said.includes('<p>drawn</p>')) throw new SetupError(`${program} draws nothing`);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
};

const draws = (browser) =>
  draw(browser).then(
    () => true,
    () => false,
  );

const installed = async () => {
  for (const name of namesOnPath) {
    const program = (await run('sh', ['-c', `command -v ${name}`]).catch(() => '')).trim();
    if (program && (await draws({ program, env: {} }))) return { program, env: {} };
  }
};

/** Not through its start script, which looks for everything under `/usr`. */
const unpacked = async () => {
  const folders = await libraryFolders();
  return {
    program: join(nativeRoot, 'usr/lib/chromium/chromium-headless-shell'),
    env: {
      // Debian's sound library finds its other half by a search path that only holds under `/usr`.
      LD_LIBRARY_PATH: [...folders, ...folders.map((folder) => join(folder, 'pulseaudio'))].join(':'),
      // Without a system's fonts, those that were unpacked with it: a page without any font is empty.
      ...(existsSync('/etc/fonts/fonts.conf') ? {} : { FONTCONFIG_SYSROOT: nativeRoot }),
    },
  };
};

/**
 * Get a browser for the tests: the one on the PATH, else Debian's unpacked under `.zyra/native`.
 */
export const setUpChromium = () =>
  setUpTestTool({
    record,
    tests: 'Browser tests',
    works: draws,
    obtain: () =>
      obtainFromDebian({
        lacking: 'no Chromium on the PATH',
        title: 'Chromium (100 MB)',
        packages: ['chromium-headless-shell'],
        ...{ installed, unpacked, works: draws, check: draw },
      }),
  });
