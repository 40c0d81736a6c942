import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  forgetPackageLists,
  haveApt,
  libraryFolders,
  nativeRoot,
  unpackPackages,
} from './debian-packages.mjs';
import { root, run, SetupError, step } from './run.mjs';

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

const obtain = async () => {
  const found = await installed();
  if (found) return found;
  if (await draws(await unpacked())) return unpacked();
  if (!(await haveApt())) return { missing: 'no Chromium on the PATH, and no Debian packages to unpack' };
  try {
    await step('Chromium, for tests only: unpacking Debian packages (100 MB) under .zyra/native', () =>
      unpackPackages(['chromium-headless-shell']),
    );
    const browser = await unpacked();
    await draw(browser);
    return browser;
  } catch (error) {
    return { missing: `no Chromium on the PATH, and Debian's could not be used: ${error.message}` };
  } finally {
    await forgetPackageLists();
  }
};

/**
 * Get a browser for the tests: the one on the PATH, else Debian's unpacked under `.zyra/native`. Without one the browser
 * tests are skipped, saying why; the next run looks again.
 */
export const setUpChromium = async () => {
  const recorded = await readFile(record, 'utf8').then(JSON.parse, () => undefined);
  if (recorded?.program && (await draws(recorded))) return;
  const browser = await obtain();
  if (browser.missing) process.stdout.write(`  Browser tests will be skipped: ${browser.missing}\n`);
  await mkdir(dirname(record), { recursive: true });
  await writeFile(`${record}.new`, `${JSON.stringify(browser, null, 2)}\n`);
  await rename(`${record}.new`, record);
};
