import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, statfs } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { type Config, projectRoot } from '../config.ts';
import { attempt, type Finding, failed, ok, size, warning } from './doctor-finding.ts';

const run = promisify(execFile);

const setUp = 'run `node scripts/setup.mjs`, which fetches or builds it';

/** The machine: what this system brings along or needs from it. */
export const checkHost = async (config: Config | undefined): Promise<Finding[]> => {
  const checks = await Promise.all([
    attempt('node', 'reinstall the dependencies with `npm ci`', checkNode),
    attempt('faiss', setUp, checkFaiss),
    attempt('redis-server', setUp, checkRedisServer),
    attempt('disk', 'look at the file system by hand', () => checkDisk(config)),
  ]);
  return checks.flat();
};

const Package = z.object({ engines: z.object({ node: z.string() }) });

const checkNode = async (): Promise<Finding> => {
  const text = await readFile(join(projectRoot, 'package.json'), 'utf8');
  const { engines } = Package.parse(JSON.parse(text));
  const [major = 0, minor = 0] = numbers(engines.node);
  const [hasMajor = 0, hasMinor = 0] = numbers(process.version);
  if (hasMajor > major || (hasMajor === major && hasMinor >= minor)) return ok('node', process.version);
  return failed('node', `${process.version} is too old`, `install Node.js ${engines.node}`);
};

const numbers = (version: string): number[] => (version.match(/\d+/g) ?? []).map(Number);

/** In a process of its own: a library built for another machine may end it. */
const checkFaiss = async (): Promise<Finding> => {
  const program = `const { IndexFlatIP } = require('faiss-node');
    const index = new IndexFlatIP(2);
    index.add([1, 0, 0, 1]);
    if (index.search([0.1, 0.9], 1).labels[0] !== 1) throw new Error('a search found the wrong vector');`;
  try {
    await run(process.execPath, ['-e', program], { cwd: projectRoot, timeout: 20_000 });
    return ok('faiss', 'faiss-node loads and searches');
  } catch (error) {
    const { stderr = '', signal } = error as { stderr?: string; signal?: string };
    const reason =
      /^\w*Error: (.*)$/m.exec(stderr)?.[1] ?? (signal ? `ended by ${signal}` : 'no reason given');
    return failed('faiss', `faiss-node does not work here: ${reason}`, setUp);
  }
};

const RedisRecord = z.object({ server: z.string(), libraryPath: z.string().optional() });

/** Only `npm start` starts servers; a deployment brings its own. */
const checkRedisServer = async (): Promise<Finding> => {
  const record = join(projectRoot, '.zyra', 'native', 'redis.json');
  const found = existsSync(record)
    ? RedisRecord.parse(JSON.parse(await readFile(record, 'utf8')))
    : { server: 'redis-server', libraryPath: undefined };
  const libraries = found.libraryPath ? { LD_LIBRARY_PATH: found.libraryPath } : {};
  try {
    const env = { PATH: '/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin', ...libraries };
    const { stdout } = await run(found.server, ['--version'], { env });
    return ok('redis-server', `${/v=([\d.]+)/.exec(stdout)?.[1] ?? 'of unknown version'} at ${found.server}`);
  } catch {
    return warning('redis-server', 'not found; `npm start` needs it unless REDIS_*_URL are set', setUp);
  }
};

const little = 2 * 1024 ** 3;
const tooLittle = 512 * 1024 ** 2;

const checkDisk = async (config: Config | undefined): Promise<Finding[]> => {
  const folders = [join(projectRoot, '.zyra'), resolve(projectRoot, config?.ARTIFACTS_DIR ?? 'artifacts')];
  const findings = new Map<string, Finding>();
  for (const folder of folders) {
    const place = nearestExisting(folder);
    const { bavail, bsize, blocks } = await statfs(place);
    const free = bavail * bsize;
    const says = `${size(free)} of ${size(blocks * bsize)} free for ${folder}`;
    const todo = 'make room: with a full disk events are refused and nothing is applied';
    const judged =
      free < tooLittle
        ? failed('disk', says, todo)
        : free < little
          ? warning('disk', says, todo)
          : ok('disk', says);
    // Usually both are on one file system, and then once is enough.
    const key = `${blocks}/${bsize}/${Math.round(free / 1e7)}`;
    if (!findings.has(key)) findings.set(key, judged);
  }
  return [...findings.values()];
};

const nearestExisting = (folder: string): string =>
  existsSync(folder) ? folder : nearestExisting(dirname(folder));
