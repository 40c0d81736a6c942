import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { haveApt, libraryFolders, nativeRoot, unpackPackages } from './debian-packages.mjs';
import { root, run, SetupError, step } from './run.mjs';

/** Read by src/embedded: where the programs are and what they need in `LD_LIBRARY_PATH`. */
export const redisRecord = join(root, '.zyra/native/redis.json');

const oldest = [6, 2];

/** The version of a Redis server program when it runs here and is new enough. */
const usableVersion = async ({ server, libraryPath }) => {
  const env = libraryPath ? { ...process.env, LD_LIBRARY_PATH: libraryPath } : process.env;
  const said = await run(server, ['--version'], { env }).catch(() => '');
  const found = /v=(\d+)\.(\d+)\.(\d+)/.exec(said);
  if (!found) return undefined;
  const [major, minor] = [Number(found[1]), Number(found[2])];
  const recent = major > oldest[0] || (major === oldest[0] && minor >= oldest[1]);
  return recent ? found.slice(1, 4).join('.') : undefined;
};

const whereIs = async (name) => (await run('sh', ['-c', `command -v ${name}`]).catch(() => name)).trim();

const unpacked = async () => ({
  server: join(nativeRoot, 'usr/bin/redis-server'),
  cli: join(nativeRoot, 'usr/bin/redis-cli'),
  libraryPath: (await libraryFolders()).join(':'),
});

const helpInWords = `Redis ${oldest.join('.')} or newer is needed and was not found.
  macOS:          brew install redis
  Debian, Ubuntu: sudo apt-get install redis-server   (only needed because the packages could not be unpacked here)
  Fedora, RHEL:   sudo dnf install redis
  Alpine:         sudo apk add redis
  Arch:           sudo pacman -S valkey
Or set REDIS_QUEUE_URL and REDIS_CACHE_URL to servers of your own. Then run the command again.`;

/**
 * Make sure there is a Redis server to start: the one on the PATH, else Debian's unpacked under `.zyra/native`.
 * @throws SetupError that says in words what to install when neither can be had.
 */
export const setUpRedis = async () => {
  const recorded = await readFile(redisRecord, 'utf8').then(JSON.parse, () => undefined);
  if (recorded && (await usableVersion(recorded))) return;

  let programs = { server: await whereIs('redis-server'), cli: await whereIs('redis-cli') };
  let version = await usableVersion(programs);
  if (!version) {
    programs = await unpacked();
    version = await usableVersion(programs);
  }
  if (!version) {
    if (!(await haveApt())) throw new SetupError(helpInWords);
    await step('Redis: unpacking Debian packages under .zyra/native', () =>
      unpackPackages(['redis-server', 'redis-tools']),
    ).catch((error) => {
      throw new SetupError(`${error.message}\n\n${helpInWords}`);
    });
    programs = await unpacked();
    version = await usableVersion(programs);
  }
  if (!version) throw new SetupError(helpInWords);
  await mkdir(dirname(redisRecord), { recursive: true });
  await writeFile(`${redisRecord}.new`, `${JSON.stringify({ ...programs, version }, null, 2)}\n`);
  await rename(`${redisRecord}.new`, redisRecord);
};
